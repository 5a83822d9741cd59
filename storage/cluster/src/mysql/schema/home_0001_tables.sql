-- What stands in one database only, the home: totals, where users live, who does what alone, the catalogue.

-- The units of a shelf before anything was sold, and the last epoch that was opened.
CREATE TABLE IF NOT EXISTS shelves (
    shelf_kind TINYINT UNSIGNED NOT NULL,
    shelf_id BIGINT UNSIGNED NOT NULL,
    place INT UNSIGNED NOT NULL,
    total BIGINT UNSIGNED NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (shelf_kind, shelf_id, place)
) ENGINE = InnoDB;

-- Which database has the users of a slot.
CREATE TABLE IF NOT EXISTS slots (
    slot SMALLINT UNSIGNED NOT NULL,
    shard SMALLINT UNSIGNED NOT NULL,
    version BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (slot)
) ENGINE = InnoDB;

-- Who does something alone, and until when by the database's clock. An economy, not a guard.
CREATE TABLE IF NOT EXISTS locks (
    name VARBINARY(64) NOT NULL,
    owner BIGINT UNSIGNED NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB;

-- Skus, sales, coupons and what else an operator puts. A row is replaced by the version after its own.
CREATE TABLE IF NOT EXISTS catalogue (
    kind TINYINT UNSIGNED NOT NULL,
    id BIGINT UNSIGNED NOT NULL,
    version INT UNSIGNED NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) ENGINE = InnoDB;
