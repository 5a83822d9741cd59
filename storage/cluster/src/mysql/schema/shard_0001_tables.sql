-- What every shard has besides its slices. A shelf is (shelf_kind, shelf_id, place): stock is (1, sku, warehouse), the
-- cap of a sale (2, sale, 0), the quota of a coupon (3, coupon, 0). Times are microseconds since 1970, UTC.

-- The epoch whose units may be bought here. A transaction that changes what a sum counts locks these rows first.
CREATE TABLE IF NOT EXISTS fences (
    shelf_kind TINYINT UNSIGNED NOT NULL,
    shelf_id BIGINT UNSIGNED NOT NULL,
    place INT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (shelf_kind, shelf_id, place)
) ENGINE = InnoDB;

-- What transactions moved of a shelf. The sum of units is what was taken of it here and not brought back: what can be
-- given is the total less the sums of all databases. n1 to n6 are the numbers behind it, which sum up the same way: of
-- stock on_hand, held, safety, unavailable, sold, returned; of a cap its units; of a quota claimed, locked, used. A row
-- of epoch 0 moved no units, or was written before the shelf was opened for the first time.
CREATE TABLE IF NOT EXISTS stock_delta (
    seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    shelf_kind TINYINT UNSIGNED NOT NULL,
    shelf_id BIGINT UNSIGNED NOT NULL,
    place INT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    units BIGINT NOT NULL,
    n1 BIGINT NOT NULL,
    n2 BIGINT NOT NULL,
    n3 BIGINT NOT NULL,
    n4 BIGINT NOT NULL,
    n5 BIGINT NOT NULL,
    n6 BIGINT NOT NULL,
    PRIMARY KEY (seq),
    KEY by_shelf (shelf_kind, shelf_id, place, epoch, units)
) ENGINE = InnoDB;

-- Units that came back under an epoch and are in no batch yet. Those of an older epoch are void.
CREATE TABLE IF NOT EXISTS loose_units (
    seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    shelf_kind TINYINT UNSIGNED NOT NULL,
    shelf_id BIGINT UNSIGNED NOT NULL,
    place INT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    units BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (seq),
    KEY by_shelf (shelf_kind, shelf_id, place, epoch)
) ENGINE = InnoDB;

-- Batches of such units, numbered without gaps from 1 a (shelf, shard, epoch). Units of a row never change.
CREATE TABLE IF NOT EXISTS return_batches (
    shelf_kind TINYINT UNSIGNED NOT NULL,
    shelf_id BIGINT UNSIGNED NOT NULL,
    place INT UNSIGNED NOT NULL,
    shard SMALLINT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    number BIGINT UNSIGNED NOT NULL,
    units BIGINT UNSIGNED NOT NULL,
    confirmed BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (shelf_kind, shelf_id, place, shard, epoch, number),
    KEY to_send (confirmed)
) ENGINE = InnoDB;

-- What is counted of one user: units bought in a sale (kind 1); of a coupon what was claimed (2), is locked by orders (3)
-- and was used (4).
CREATE TABLE IF NOT EXISTS user_counts (
    user BIGINT UNSIGNED NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    units BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (user, kind, subject)
) ENGINE = InnoDB;

-- Events on their way out, a row a transaction. Numbers commit out of order: what is to be published is told by its mark
-- alone.
CREATE TABLE IF NOT EXISTS outbox (
    seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    events MEDIUMBLOB NOT NULL,
    published BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (seq),
    KEY to_publish (published, seq)
) ENGINE = InnoDB;

-- Which tables orders lie in, by the milliseconds of their ids. The row of first_ms 0 is no slice: who opens one locks
-- it, who reads them shares it.
CREATE TABLE IF NOT EXISTS slices (
    first_ms BIGINT UNSIGNED NOT NULL,
    month INT UNSIGNED NOT NULL,
    number SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (first_ms),
    UNIQUE KEY by_name (month, number)
) ENGINE = InnoDB;
INSERT IGNORE INTO slices (first_ms, month, number) VALUES (0, 0, 0);
