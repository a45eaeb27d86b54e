-- A sweep leaves a row, from its start.
insert into sweeps default values returning sweep_id
