//! Whoever follows a journal while it is written reads every durable fact once and in order, from any position on,
//! through rolls, crashes and cuts, and finds the fact that made an order.
#![allow(clippy::unwrap_used)] // Helpers beside the tests, too.

mod common;

use common::mem_disk::{End, MemDisk};
use common::{Life, create, facts, orders, request_id, submit, take_answers, tiny, with_seeds};
use domain::{Fact, OrderId};
use fastrand::Rng;
use storage::Store;
use storage::embedded::disk::{Disk, DurabilityPath};
use storage::embedded::follow::{Follower, Standing, Unreadable};

#[test]
fn what_is_followed_is_what_is_there() {
    let mut rolled = false;
    with_seeds(&[1, 2], 30, |seed| {
        let mut rng = Rng::with_seed(seed);
        let path = if rng.bool() { DurabilityPath::Dsync } else { DurabilityPath::Fsync };
        let mut disk = MemDisk::new(rng.u64(..));
        let (mut micros, mut users) = (0, 0);
        for _ in 0..4 {
            disk = disk.next_process();
            micros += 1_000_000;
            let mut life = Life::open(&disk, tiny(path), micros).unwrap();
            if users == 0 {
                life.set_up_shop(1_000_000);
            }
            // One that goes on through the whole life, from somewhere in what an earlier life left.
            let before = life.store.stats().durable_position;
            let mut tail = Reader::behind(&disk, rng.u64(..=before));
            for _ in 0..rng.usize(1..200) {
                let requests: Vec<_> = (0..rng.usize(1..8))
                    .map(|n| (users + n as u64 + 1, request_id(micros, users + n as u64)))
                    .collect();
                users += requests.len() as u64;
                let intents: Vec<_> =
                    requests.iter().map(|&(user, request)| create(user, request, &[7; 99])).collect();
                submit(&mut life.store, &intents);
                for _ in 0..rng.usize(1..4) {
                    life.turn(100).unwrap();
                    take_answers(&mut life.store);
                }
                if rng.bool() {
                    let durable = life.store.stats().durable_position;
                    tail.read_to(durable);
                    assert_eq!(tail.through(), durable.max(tail.after), "all that is durable can be read");
                }
            }
            let durable = life.store.stats().durable_position;
            tail.read_to(durable);
            let how = if rng.bool() { End::Kill } else { End::PowerCut };
            disk.end(how, life.hot);
            let (all, _) = facts(&disk);
            assert_eq!(tail.facts, all[tail.after as usize..durable as usize], "seed {seed:#x}");
            rolled |= disk.content().len() > 6;
        }
        let disk = disk.next_process();
        let life = Life::open(&disk, tiny(path), micros + 1_000_000).unwrap();
        let (all, _) = facts(&disk);
        for _ in 0..8 {
            let mut reader = Reader::behind(&disk, rng.u64(..=all.len() as u64));
            reader.read_to(life.store.stats().durable_position);
            assert_eq!(reader.facts, all[reader.after as usize..], "behind {}", reader.after);
        }
        let made = orders(&disk);
        for _ in 0..8 {
            find(&disk, made[rng.usize(..made.len())], all.len() as u64);
        }
    });
    assert!(rolled, "some history went through more than one segment");
}

#[test]
fn behind_the_end_and_in_an_empty_folder_there_is_nothing() {
    let disk = MemDisk::new(1).next_process();
    let mut reader = Reader::behind(&disk, 0);
    reader.read_to(10);
    assert_eq!((reader.facts.len(), reader.through()), (0, 0));

    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 0).unwrap();
    let mut reader = Reader::behind(&disk, 0);
    life.set_up_shop(5);
    reader.read_to(1);
    assert_eq!(reader.facts.len(), 1, "not past what is said to be durable");
    reader.read_to(2);
    assert_eq!(reader.facts.len(), 2);
    reader.read_to(9);
    assert_eq!((reader.facts.len(), reader.through()), (2, 2), "more is not there yet");
}

#[test]
fn behind_deleted_segments_facts_are_gone_and_the_rest_is_read() {
    let disk = MemDisk::new(1).next_process();
    let mut life = Life::open(&disk, tiny(DurabilityPath::Dsync), 0).unwrap();
    life.set_up_shop(1_000_000);
    let mut on_its_way = Reader::behind(&disk, 0);
    on_its_way.read_to(2);
    for user in 1..1_500 {
        submit(&mut life.store, &[create(user, request_id(0, user), &[7; 99])]);
        life.turn(100).unwrap();
        take_answers(&mut life.store);
    }
    let durable = life.store.stats().durable_position;
    let (all, _) = facts(&disk);
    let made = orders(&disk);
    let mut knows_all = Reader::behind(&disk, 0);
    knows_all.read_to(durable);
    let segments: Vec<_> = disk.content().into_keys().filter(|name| name.ends_with(".journal")).collect();
    assert!(segments.len() > 4, "{segments:?}");
    segments[..3].iter().for_each(|name| disk.remove(name).unwrap());

    let gone = |read: Result<Standing, Unreadable>| match read {
        Err(Unreadable::Gone { oldest }) => oldest,
        other => panic!("{other:?}"),
    };
    let mut follower = Follower::new(disk.clone());
    let oldest = gone(follower.seek(0));
    assert!(oldest > 10 && oldest < durable, "{oldest} of {durable}");
    assert_eq!(gone(follower.seek(oldest - 1)), oldest);
    assert_eq!(gone(knows_all.follower.seek(0)), oldest, "who knew the segments is told the same");
    for after in [oldest, oldest + 1, durable - 1] {
        let mut reader = Reader::behind(&disk, after);
        reader.read_to(durable);
        assert_eq!(reader.facts, all[after as usize..durable as usize]);
    }
    let Reader { follower, standing, after, .. } = &mut on_its_way;
    let lost = follower.next(standing, *after, durable, |_| panic!("it is not there")).unwrap_err();
    assert!(matches!(lost, Unreadable::Gone { oldest: told } if told == oldest), "{lost:?}");
    find(&disk, *made.last().unwrap(), durable);
}

struct Reader {
    follower: Follower<MemDisk>,
    standing: Standing,
    after: u64,
    facts: Vec<String>,
}

impl Reader {
    fn behind(disk: &MemDisk, after: u64) -> Reader {
        let mut follower = Follower::new(disk.clone());
        let standing = follower.seek(after).unwrap();
        assert!(standing.next_fact() <= after + 1);
        Reader { follower, standing, after, facts: Vec::new() }
    }

    fn read_to(&mut self, through: u64) {
        let Reader { follower, standing, after, facts } = self;
        let read = |record: storage::embedded::reader::Record<'_>| {
            assert_eq!(record.position, *after + 1 + facts.len() as u64, "no gap and no repetition");
            facts.push(format!("{:?} {:?} {:?}", record.begins_entry, record.stamp, record.fact));
        };
        let mut read = read;
        while follower.next(standing, *after, through, &mut read).unwrap() {}
    }

    fn through(&self) -> u64 {
        self.after + self.facts.len() as u64
    }
}

fn find(disk: &MemDisk, order: OrderId, through: u64) {
    let mut follower = Follower::new(disk.clone());
    // Twice: without marks, then with those of the first search.
    for _ in 0..2 {
        let mut standing = follower.seek_order(order, through).unwrap();
        let mut found = false;
        while !found
            && follower
                .next(&mut standing, 0, through, |record| {
                    found |= matches!(record.fact, Fact::OrderCreated(created) if created.order == order);
                })
                .unwrap()
        {}
        assert!(found, "order {order:?} is not behind where it was looked for");
    }
}
