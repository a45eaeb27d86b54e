-- Creates the tables that River leaves to its users: the stage of each job, and
-- the result of each task.
create table runs (
  id    bigint primary key,
  n     int not null,
  stage int not null default 0
);

create table results (
  run    bigint not null,
  stage  int not null,
  index  int not null,
  result text not null,

  primary key (run, stage, index)
)
