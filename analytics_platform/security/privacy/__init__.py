"""Personal data made unreadable: tokens, masks, ciphertexts by person, sealed records, and their keys."""
