-- What admitted a package: the digest of its admission statement and of the trust policy, both null without a policy; the keys
-- whose signatures counted and all signatures that came with it, as JSON.
ALTER TABLE packages ADD COLUMN admission TEXT CHECK (admission IS NULL OR length(admission) = 64);
ALTER TABLE packages ADD COLUMN policy TEXT CHECK ((policy IS NULL) = (admission IS NULL));
ALTER TABLE packages ADD COLUMN signers TEXT NOT NULL DEFAULT '[]';
ALTER TABLE packages ADD COLUMN signatures TEXT NOT NULL DEFAULT '[]';
