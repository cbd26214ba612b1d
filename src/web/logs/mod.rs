//! The audit log.

mod audit;
mod export;
mod verify;

use super::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(audit::list_audit).add(export::export_audit).add(verify::verify_audit)
}
