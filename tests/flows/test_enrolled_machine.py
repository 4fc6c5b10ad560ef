"""A machine of another network enrols, is an instance there, and is refused once its host is revoked."""
