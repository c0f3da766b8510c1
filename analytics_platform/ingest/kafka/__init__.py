"""The only package that imports kafka: `fetch` (bulk), `plain` (fallback), `offsets`, `produce`, `admin`."""
