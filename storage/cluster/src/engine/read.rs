//! Pages of a user's orders, read off tables.

use std::rc::Rc;

use domain::desk::RowFault;
use domain::intent::{Envelope, LIST_LOOKS_MAX, List};
use domain::verdict::OrderPage;
use domain::{Intent, OrderId, RequestId, RestingOrder, Verdict};
use storage::{NotDecided, Outcome};

use super::node::Node;
use super::orders;
use super::rows::{record_of, rows_of};
use crate::mysql::{self, BATCH_MAX};

/// LIST: by the time of the requests that made them, newest first.
pub(super) async fn list(node: &Rc<Node>, list: &List) -> Outcome {
    let no = node.shard_of(list.user);
    let mut before = match list.before {
        OrderId(0) => RequestId(u128::MAX),
        order => request_of(node, order).await?,
    };
    let (mut items, mut next, mut looked) = (Vec::new(), OrderId(0), 0);
    while items.len() < usize::from(list.limit) && looked < LIST_LOOKS_MAX {
        let read = async {
            let mut lease = node.links.database(no).lease().await?;
            mysql::page_of_user(&mut lease, list.user, before, BATCH_MAX).await
        };
        let page = read.await.map_err(|fault| node.failed(no, &fault))?;
        for (request, order) in &page {
            looked += 1;
            (before, next) = (*request, *order);
            let Some(row) = node.order(*order).await? else { continue };
            if list.state != 0 && row.state.number() != list.state {
                continue;
            }
            let record = record_of(&row).and_then(|record| Ok(RestingOrder::read(record)?));
            items.push(record.map_err(|fault| node.unsound(fault))?.brief);
            if items.len() == usize::from(list.limit) {
                break;
            }
        }
        if page.len() < BATCH_MAX && items.len() < usize::from(list.limit) {
            next = OrderId(0);
            break;
        }
    }
    Ok(Verdict::Orders(Box::new(OrderPage { items, next })))
}

/// The request that made an order. Of one that is not there (any more) the time in its id has to do.
async fn request_of(node: &Rc<Node>, order: OrderId) -> Result<RequestId, NotDecided> {
    let Some(row) = node.order(order).await? else {
        let unix_ms = OrderId::EPOCH_MS as u128 + u128::from(order.ms());
        return Ok(RequestId(unix_ms << 80));
    };
    let get = Intent::Get { user: row.user, order };
    let known = rows_of(&row).map_err(|fault| node.unsound(fault))?.into();
    let read = orders::answer(node, Envelope::default(), &get, row.user, known).await?;
    if let Verdict::OrderFound(view) = read {
        Ok(view.request)
    } else {
        Err(node.unsound(RowFault::Nonsense))
    }
}
