//! A Redis Cluster of three masters, each with a third of the slots.

use super::Redis;
use crate::resp::Reply;
use crate::wait_until;

const MASTERS: u16 = 3;
const SLOTS: u16 = 16_384;

/// The masters.
#[derive(Debug)]
pub struct RedisCluster {
    /// In the order of their slots.
    pub masters: Vec<Redis>,
}

impl RedisCluster {
    /// Starts them, and waits until each calls the cluster whole.
    ///
    /// # Panics
    /// Where Redis is not installed or does not start.
    pub fn start() -> RedisCluster {
        let masters: Vec<Redis> = (0..MASTERS).map(|_| start_master()).collect();
        for (no, master) in (0..).zip(&masters) {
            let (first, last) =
                (SLOTS / MASTERS * no, if no + 1 == MASTERS { SLOTS } else { SLOTS / MASTERS * (no + 1) });
            master.ask(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(last - 1).to_string()]);
            // Equal epochs would have to be sorted out between them first.
            master.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(no + 1).to_string()]);
        }
        let (port, bus) = (masters[0].port().to_string(), bus(&masters[0]));
        for other in &masters[1..] {
            other.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        for master in &masters {
            wait_until("the cluster is whole", || {
                let info = master.ask(&["CLUSTER", "INFO"]).text();
                info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{MASTERS}"))
            });
        }
        RedisCluster { masters }
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        let nodes: Vec<String> =
            self.masters[1..].iter().map(|master| format!("node=127.0.0.1:{}", master.port())).collect();
        format!("redis-cluster://127.0.0.1:{}?{}", self.masters[0].port(), nodes.join("&"))
    }

    /// Leaves all of them running: their process ids. Their folders stay.
    ///
    /// # Panics
    /// Where one does not run.
    pub fn leave(self) -> Vec<u32> {
        self.masters.into_iter().map(|master| master.leave().0).collect()
    }

    /// Which master has a key.
    ///
    /// # Panics
    /// Where the cluster does not say.
    pub fn master_of(&self, key: &str) -> usize {
        let Reply::Number(slot) = self.masters[0].ask(&["CLUSTER", "KEYSLOT", key]) else {
            panic!("a slot is a number");
        };
        let of = u16::try_from(slot).expect("a slot is below 16,384") / (SLOTS / MASTERS);
        usize::from(of.min(MASTERS - 1))
    }
}

fn start_master() -> Redis {
    let bus = crate::ports::free().to_string();
    Redis::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"])
}

/// The port on which masters speak to each other.
fn bus(master: &Redis) -> String {
    match master.ask(&["CONFIG", "GET", "cluster-port"]) {
        Reply::List(pair) => pair.into_iter().nth(1).map(Reply::text).unwrap_or_default(),
        other @ (Reply::Text(_) | Reply::Number(_) | Reply::Nil | Reply::Error(_)) => {
            panic!("no setting: {other}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_master_has_its_third_of_the_keys() {
        let cluster = RedisCluster::start();
        for key in ["{a}", "{b}", "{c}", "{d}", "{e}"] {
            let master = &cluster.masters[cluster.master_of(key)];
            assert_eq!(master.ask(&["SET", key, "1"]), Reply::Text("OK".into()), "{key}");
        }
    }
}
