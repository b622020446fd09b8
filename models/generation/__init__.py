"""The base of every generator: latent codes, their controls, and ways through a latent space."""
