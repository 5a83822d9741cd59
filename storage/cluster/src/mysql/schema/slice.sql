-- The tables of one slice; {slice} is its month and number.
CREATE TABLE IF NOT EXISTS orders_{slice} (
    id BIGINT UNSIGNED NOT NULL,
    user BIGINT UNSIGNED NOT NULL,
    state TINYINT UNSIGNED NOT NULL,
    version INT UNSIGNED NOT NULL,
    made_at BIGINT NOT NULL,
    due_at BIGINT NULL,
    total BIGINT NOT NULL,
    currency SMALLINT UNSIGNED NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (id),
    KEY due (due_at)
) ENGINE = InnoDB;

-- What an order took of each shelf, and the hold that bought it. The rows of shelf_kind 1 are its lines.
CREATE TABLE IF NOT EXISTS order_items_{slice} (
    order_id BIGINT UNSIGNED NOT NULL,
    shelf_kind TINYINT UNSIGNED NOT NULL,
    shelf_id BIGINT UNSIGNED NOT NULL,
    place INT UNSIGNED NOT NULL,
    units INT UNSIGNED NOT NULL,
    hold BINARY(16) NOT NULL,
    epoch BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (order_id, shelf_kind, shelf_id, place)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS order_history_{slice} (
    order_id BIGINT UNSIGNED NOT NULL,
    version INT UNSIGNED NOT NULL,
    from_state TINYINT UNSIGNED NOT NULL,
    to_state TINYINT UNSIGNED NOT NULL,
    at BIGINT NOT NULL,
    actor_kind TINYINT UNSIGNED NOT NULL,
    actor BIGINT UNSIGNED NOT NULL,
    why SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (order_id, version)
) ENGINE = InnoDB;
