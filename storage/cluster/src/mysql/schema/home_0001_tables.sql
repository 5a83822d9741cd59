-- What stands in one database only, the home: where users live, who does what alone, the catalogue.

-- Which cluster this is: one row, made once. Clients are told, so that they can tell a cluster from another.
CREATE TABLE IF NOT EXISTS cluster_ids (
    one TINYINT UNSIGNED NOT NULL,
    id BINARY(16) NOT NULL,
    PRIMARY KEY (one)
) ENGINE = InnoDB;
INSERT IGNORE INTO cluster_ids (one, id) VALUES (1, RANDOM_BYTES(16));

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

-- Numbers of nodes, each somebody's until an instant of this database's clock: order ids are made with them.
CREATE TABLE IF NOT EXISTS nodes (
    number SMALLINT UNSIGNED NOT NULL,
    owner BIGINT UNSIGNED NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (number)
) ENGINE = InnoDB;

-- How often the catalogue was changed. Whoever changes it locks this row first: changes come one after the other, and
-- who has read all up to a number has missed none.
CREATE TABLE IF NOT EXISTS catalogue_changes (
    id TINYINT UNSIGNED NOT NULL,
    changes BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB;
INSERT IGNORE INTO catalogue_changes (id, changes) VALUES (1, 0);

-- What operators put, each as the domain writes its row, with the number of the change that wrote it. One that is gone
-- stays, without a body. kind 1 is the sku a, 2 the sale a, 3 the place of sku a in sale b, 4 the freight rule of seller
-- a in currency b, 5 the coupon a, 6 the limit of user a, 7 the switch of scope a on b, 8 the version of all switches,
-- 9 the shelf of sku a in warehouse b: that there is one.
CREATE TABLE IF NOT EXISTS catalogue_rows (
    kind TINYINT UNSIGNED NOT NULL,
    a BIGINT UNSIGNED NOT NULL,
    b BIGINT UNSIGNED NOT NULL,
    changed BIGINT UNSIGNED NOT NULL,
    body MEDIUMBLOB NOT NULL,
    PRIMARY KEY (kind, a, b),
    KEY by_change (changed, kind, a, b)
) ENGINE = InnoDB;

-- Facts that subscribers parked, as the domain writes its row of each.
CREATE TABLE IF NOT EXISTS dead_letters (
    subscriber BINARY(32) NOT NULL,
    position BIGINT UNSIGNED NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (subscriber, position)
) ENGINE = InnoDB;

-- How far subscribers have come.
CREATE TABLE IF NOT EXISTS cursors (
    name BINARY(32) NOT NULL,
    position BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB;
