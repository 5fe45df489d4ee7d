-- For which moment each key that ever counted for a package had to be valid, by key. Of packages that are there already the moment at which they were loaded.
ALTER TABLE packages ADD COLUMN counted_since TEXT NOT NULL DEFAULT '{}';

UPDATE packages SET counted_since =
  (SELECT json_group_object(signer.value, packages.loaded_at) FROM json_each(packages.signers) AS signer);
