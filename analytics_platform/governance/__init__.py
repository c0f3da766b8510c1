"""Who must agree to a change of a schema, who did, and how far a change is: policy, approvals and their files."""
