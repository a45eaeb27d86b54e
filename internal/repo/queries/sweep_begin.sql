-- Records the start of a sweep that an operator requested, and returns its id.
insert into sweeps default values
returning sweep_id
