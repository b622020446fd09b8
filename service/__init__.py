"""Transport: trained models behind HTTP. Requests in, distributions out."""
