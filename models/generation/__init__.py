"""What generators share: latent codes, their controls, and the ways through a latent space."""
