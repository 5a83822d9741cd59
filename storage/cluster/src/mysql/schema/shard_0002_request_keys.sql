-- Request ids by user. kind 0: dead, no attempt up to this one commits any more; 1: the order `subject`; 2: something
-- else that was done, which `said` names as the ledger does, with units that `hold` took from Redis, if it took any; 3:
-- refused for good, as `said` says. A request id begins with its time, so the orders of a user lie in the order of their
-- asking. Eight tables, by the last three bits of the user's slot.
CREATE TABLE IF NOT EXISTS request_keys_0 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS request_keys_1 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS request_keys_2 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS request_keys_3 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS request_keys_4 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS request_keys_5 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS request_keys_6 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
CREATE TABLE IF NOT EXISTS request_keys_7 (
    user BIGINT UNSIGNED NOT NULL,
    request BINARY(16) NOT NULL,
    kind TINYINT UNSIGNED NOT NULL,
    attempt INT UNSIGNED NOT NULL,
    body_hash BIGINT UNSIGNED NOT NULL,
    subject BIGINT UNSIGNED NOT NULL,
    hold BINARY(16) NULL,
    said VARBINARY(64) NOT NULL,
    PRIMARY KEY (user, request)
) ENGINE = InnoDB;
