-- Returns the tags of a job.
select substr(t.term, 5) as name, t.value
from job_terms t
where t.job_id = @job_id
  and t.term >= 'tag.'
  and t.term < 'tag/'
order by t.term
