"""Foreign manifests, one class for each kind of file; `registry` lists them."""
