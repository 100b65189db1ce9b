"""Settings of the jobs: one typed class a job, in a module of the job's name; `sources` fills it."""
