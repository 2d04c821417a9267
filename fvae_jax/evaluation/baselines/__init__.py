"""The methods that the paper compares the FVAE with (section 6), one module each."""
