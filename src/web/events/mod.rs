//! Events: the latest, and the stream of them.

mod list;
mod stream;

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(list::list_events).add(list::export_events).add(stream::stream_events)
}
