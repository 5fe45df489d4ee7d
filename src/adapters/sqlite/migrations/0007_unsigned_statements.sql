-- A statement may be stored before it is signed: its signature is then the empty text, and is set once. A version that does not
-- know this would put such a statement into its log as it is.
CREATE INDEX unsigned_statements ON statements (id) WHERE signature = '';
