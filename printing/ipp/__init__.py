"""IPP (RFC 8010, RFC 8011): an own codec and client, as those that exist drop attributes without a word."""
