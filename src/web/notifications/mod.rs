//! `/notifications`: channels, rules, templates, the outbox, and who may talk to the Telegram bot.

mod channels;
mod outbox;
mod rules;
mod telegram;
mod templates;
mod topics;
mod view;

use super::Routes;
pub use channels::send_test;

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    let routes = routes.add(topics::list);
    let routes = routes.add(channels::list).add(channels::create).add(channels::find).add(channels::update);
    let routes = routes.add(channels::remove).add(channels::test).add(channels::try_out);
    let routes = routes.add(rules::list).add(rules::create).add(rules::find).add(rules::update).add(rules::remove);
    let routes = routes.add(templates::list).add(templates::update).add(templates::remove).add(templates::preview);
    let routes = routes.add(telegram::pair).add(telegram::list).add(telegram::remove);
    routes.add(outbox::list).add(outbox::find).add(outbox::retry).add(outbox::discard)
}
