//! Ledgers that are made anew of images, in the middle of a history.

use std::io::Read;

use domain::request::Rules;
use domain::{ImageSource, Ledger, Unreadable};

use super::{BOUNDS, History};

struct Bytes<'a>(&'a [u8]);

impl ImageSource for Bytes<'_> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Unreadable> {
        self.0.read_exact(into).map_err(|_| Unreadable)
    }
}

impl History {
    /// From here the ledger is another one, made of an image of it.
    pub fn is_reborn(&mut self) {
        let mut image = Vec::new();
        self.ledger.begin_image();
        assert!(self.ledger.write_image(&mut image, usize::MAX), "all of it fits");
        let reborn = Ledger::from_image(BOUNDS, Rules::DEFAULT, !self.seed, &mut Bytes(&image));
        self.ledger = reborn.expect("an image is a ledger");
        // It says itself how much room it needs.
        let least = Ledger::bounds_of_image(&mut Bytes(&image)).expect("an image has its bounds");
        let small = Ledger::from_image(least, Rules::DEFAULT, self.seed, &mut Bytes(&image));
        assert_eq!(small.expect("it fits").balance().holdings, self.ledger.balance().holdings);
    }
}
