"""The perception study (section 6.3, Table 2): a page that asks people, and what their answers say."""
