//! One file an API, named for the API.
