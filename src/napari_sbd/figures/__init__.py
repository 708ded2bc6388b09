"""Pictures for people: panels with scale bars, drift paths, one page for the lab book."""
