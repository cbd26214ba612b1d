//! The API as a whole: who gets in, what is written down, what bad requests get.

mod access;
mod audit;
mod bodies;
mod credentials;
mod keys;
mod login;
mod metrics;
mod proxies;
mod second_factor;
mod server;
mod sessions;
mod settings;
mod setup;
mod site;
mod stream;
mod tls;
