-- Returns stages that can have rows of past generations left, by the index
-- stages_superseded.
select job_id, stage, gen
from stages
where swept_gen < gen
order by job_id, stage
limit @most
