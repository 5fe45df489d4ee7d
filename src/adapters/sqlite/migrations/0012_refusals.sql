-- Whoever may drop files can make refusals without end: only the newest are kept, found by this.
CREATE INDEX audit_refusals ON audit (id) WHERE name = 'package.rejected';
