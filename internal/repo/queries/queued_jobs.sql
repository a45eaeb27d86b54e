-- Whether as many jobs as the limit have not ended: an index scan that stops there.
select count(*) >= @most from (select 1 from jobs where status in ('queued', 'running') limit @most) j
