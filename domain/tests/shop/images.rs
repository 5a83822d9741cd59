//! Ledgers that are made of images, in stories and histories.

use domain::{ImageSource, Ledger, Rules, Unreadable};

use super::Shop;

/// An image of the live ledger on its way.
pub struct Writing {
    written: Vec<u8>,
    /// What the second ledger, which knows the same, wrote in one piece at the same instant.
    expected: Vec<u8>,
}

/// The bytes of an image.
pub struct Bytes<'a>(pub &'a [u8]);

impl ImageSource for Bytes<'_> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Unreadable> {
        let (bytes, rest) = self.0.split_at_checked(into.len()).ok_or(Unreadable)?;
        into.copy_from_slice(bytes);
        self.0 = rest;
        Ok(())
    }
}

/// All of a ledger, at once.
pub fn image_of(ledger: &mut Ledger) -> Vec<u8> {
    let mut image = Vec::new();
    ledger.begin_image();
    assert!(ledger.write_image(&mut image, usize::MAX) && !ledger.has_image());
    image
}

/// The ledger of an image, under the same bounds.
pub fn ledger_of(ledger: &Ledger, image: &[u8], seed: u64) -> Ledger {
    let mut bytes = Bytes(image);
    let made = Ledger::from_image(*ledger.bounds(), Rules::DEFAULT, seed, &mut bytes).expect("it is whole");
    assert!(bytes.0.is_empty(), "{} bytes behind the image", bytes.0.len());
    made
}

impl Shop {
    /// From here the second ledger is one that was made of its own image.
    pub fn mirror_is_reborn(&mut self) {
        let image = image_of(&mut self.mirror.ledger);
        self.mirror.ledger = ledger_of(&self.mirror.ledger, &image, 3);
    }

    /// From here the live ledger is one that was made of the second one's image.
    pub fn is_reborn(&mut self) {
        let image = image_of(&mut self.mirror.ledger);
        self.ledger = ledger_of(&self.ledger, &image, 4);
        self.image = None;
    }

    /// Goes on with an image of the live ledger, or begins one. True: it is written, and is of the instant at which it
    /// was begun.
    pub fn write_image(&mut self, bytes: usize) -> bool {
        let Some(mut image) = self.image.take() else {
            let expected = image_of(&mut self.mirror.ledger);
            self.ledger.begin_image();
            self.image = Some(Writing { written: Vec::new(), expected });
            return false;
        };
        let written = image.written.len() + bytes;
        if !self.ledger.write_image(&mut image.written, written) {
            self.image = Some(image);
            return false;
        }
        let (written, expected) = (&image.written, &image.expected);
        let other = written.iter().zip(expected).position(|(one, other)| one != other);
        let lengths = (written.len(), expected.len());
        assert!(
            other.is_none() && lengths.0 == lengths.1,
            "an image of a ledger that went on is of another instant: at byte {other:?} of {lengths:?}"
        );
        true
    }
}
