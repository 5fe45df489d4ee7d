-- Which trust policy held from when on, and which file it was; NULL for none. A data folder that never had one has no line. The statement about each
-- change is in the transaction that writes its line.
CREATE TABLE trust_policies (
  id     INTEGER PRIMARY KEY,
  policy TEXT CHECK (policy IS NULL OR length(policy) = 64),
  uri    TEXT CHECK ((uri IS NULL) = (policy IS NULL)),
  since  INTEGER NOT NULL
) STRICT;
