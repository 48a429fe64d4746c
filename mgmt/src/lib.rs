//! `weir-mgmt` library.
