"""What a report compares (section 6): the FVAE and its variants, and the methods of the paper's comparison."""
