BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0010');
CREATE TABLE artifacts (
	id VARCHAR(40) NOT NULL, 
	tenant_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	feature VARCHAR(50) NOT NULL, 
	request_id VARCHAR(200) NOT NULL, 
	job_id VARCHAR(40), 
	success BOOLEAN NOT NULL, 
	input_payload JSON NOT NULL, 
	output_payload JSON, 
	error_code VARCHAR(50), 
	error_message TEXT, 
	model_id VARCHAR(200), 
	model_version VARCHAR(200), 
	latency_ms FLOAT NOT NULL, 
	created_at DATETIME NOT NULL, image_sha256 VARCHAR(64), 
	CONSTRAINT pk_artifacts PRIMARY KEY (id)
);
INSERT INTO "artifacts" VALUES('art_019ba7c71200700087f8df502e31e58c','t',NULL,'t','r','job_019ba7c71200700080ff2304be20c2b2',1,'{"image":{"sha256":"a4d26868017c0ccffe2efe50944ef4211834660cca834c6e9f86dec6a88246fa"}}','{"merchant":"Corner Shop"}',NULL,NULL,'m','1',0.0,'2026-01-10 12:00:00.000000','a4d26868017c0ccffe2efe50944ef4211834660cca834c6e9f86dec6a88246fa');
CREATE TABLE attempts (
	job_id VARCHAR(40) NOT NULL, 
	number INTEGER NOT NULL, 
	runner VARCHAR(100) NOT NULL, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	outcome VARCHAR(10), 
	error_code VARCHAR(50), 
	error_message TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (job_id, number), 
	CONSTRAINT fk_attempts_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "attempts" VALUES('job_019ba7c71200700080ff2304be20c2b2',1,'r1','2026-01-10 12:00:00.000000','2026-01-10 12:00:00.000000','succeeded',NULL,NULL);
INSERT INTO "attempts" VALUES('job_019ba7c7120070008edb41fca322c7e7',1,'r1','2026-01-10 12:00:00.000000',NULL,NULL,NULL,NULL);
CREATE TABLE blobs (
	tenant_id VARCHAR(200) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	media_type VARCHAR(100) NOT NULL, 
	size INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_blobs PRIMARY KEY (tenant_id, sha256)
);
INSERT INTO "blobs" VALUES('t','a4d26868017c0ccffe2efe50944ef4211834660cca834c6e9f86dec6a88246fa','image/png',6,'2026-01-10 12:00:00.000000');
INSERT INTO "blobs" VALUES('t','a8cc0ece58ef2749dee2704586382cdee548918bb4892c3777acb4f6225082f9','image/png',6,'2026-01-10 12:00:00.000000');
CREATE TABLE correction_versions (
	tenant_id VARCHAR(200) NOT NULL, 
	version VARCHAR(40) NOT NULL, 
	CONSTRAINT pk_correction_versions PRIMARY KEY (tenant_id)
);
INSERT INTO "correction_versions" VALUES('t','fb_019ba7c712007000a0059d24022656b7');
CREATE TABLE "corrections" (
	tenant_id VARCHAR(200) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	"key" VARCHAR(500) NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	feedback_id VARCHAR(40) NOT NULL, 
	id VARCHAR(40), 
	shop VARCHAR(200), 
	was VARCHAR(500), 
	receipts INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_corrections PRIMARY KEY (tenant_id, kind, "key")
);
INSERT INTO "corrections" VALUES('t','category','milk','Milk','Dairy','fb_019ba7c712007000a0059d24022656b7','cor_019ba7c7120070009046215e8f246a7e',NULL,NULL,0);
CREATE TABLE feedback (
	id VARCHAR(40) NOT NULL, 
	tenant_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	rating VARCHAR(20) NOT NULL, 
	note TEXT, 
	artifact_id VARCHAR(40), 
	job_id VARCHAR(40), 
	correction JSON, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_feedback PRIMARY KEY (id)
);
INSERT INTO "feedback" VALUES('fb_019ba7c712007000a0059d24022656b7','t','u','thumbs_down','no',NULL,'job_019ba7c71200700080ff2304be20c2b2',NULL,'2026-01-10 12:00:00.000000');
CREATE TABLE job_events (
	job_id VARCHAR(40) NOT NULL, 
	version INTEGER NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	attempt INTEGER NOT NULL, 
	progress FLOAT NOT NULL, 
	error_code VARCHAR(50), 
	error_message TEXT, 
	created_at DATETIME NOT NULL, review VARCHAR(10), 
	CONSTRAINT pk_job_events PRIMARY KEY (job_id, version), 
	CONSTRAINT fk_job_events_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "job_events" VALUES('job_019ba7c71200700080ff2304be20c2b2',1,'queued',0,0.0,NULL,NULL,'2026-01-10 12:00:00.000000',NULL);
INSERT INTO "job_events" VALUES('job_019ba7c7120070008edb41fca322c7e7',1,'queued',0,0.0,NULL,NULL,'2026-01-10 12:00:00.000000',NULL);
INSERT INTO "job_events" VALUES('job_019ba7c7120070009ba02040399a3298',1,'queued',0,0.0,NULL,NULL,'2026-01-10 12:00:00.000000',NULL);
INSERT INTO "job_events" VALUES('job_019ba7c71200700080ff2304be20c2b2',2,'running',1,0.0,NULL,NULL,'2026-01-10 12:00:00.000000',NULL);
INSERT INTO "job_events" VALUES('job_019ba7c7120070008edb41fca322c7e7',2,'running',1,0.0,NULL,NULL,'2026-01-10 12:00:00.000000',NULL);
INSERT INTO "job_events" VALUES('job_019ba7c71200700080ff2304be20c2b2',3,'succeeded',1,1.0,NULL,NULL,'2026-01-10 12:00:00.000000',NULL);
CREATE TABLE jobs (
	id VARCHAR(40) NOT NULL, 
	tenant_id VARCHAR(200) NOT NULL, 
	user_id VARCHAR(200), 
	feature VARCHAR(50) NOT NULL, 
	status VARCHAR(10) NOT NULL, 
	priority INTEGER NOT NULL, 
	request_id VARCHAR(200) NOT NULL, 
	idempotency_key VARCHAR(200), 
	fingerprint VARCHAR(64) NOT NULL, 
	input_payload JSON NOT NULL, 
	attempt INTEGER NOT NULL, 
	max_attempts INTEGER NOT NULL, 
	attempt_token VARCHAR(40), 
	lease_expires_at DATETIME, 
	progress FLOAT NOT NULL, 
	due_at DATETIME NOT NULL, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	error_code VARCHAR(50), 
	error_message TEXT, 
	model_id VARCHAR(200), 
	model_version VARCHAR(200), 
	artifact_id VARCHAR(40), version INTEGER DEFAULT '1' NOT NULL, callback_url VARCHAR(2000), image_sha256 VARCHAR(64), progress_detail JSON, traceparent VARCHAR(55), review VARCHAR(10), merchant VARCHAR(200), 
	CONSTRAINT pk_jobs PRIMARY KEY (id), 
	CONSTRAINT ck_jobs_lease_iff_running CHECK ((status = 'running') = (attempt_token IS NOT NULL AND lease_expires_at IS NOT NULL)), 
	CONSTRAINT ck_jobs_result_iff_done CHECK ((status = 'succeeded') = (artifact_id IS NOT NULL)), 
	CONSTRAINT uq_jobs_tenant_id_feature_idempotency_key UNIQUE (tenant_id, feature, idempotency_key)
);
INSERT INTO "jobs" VALUES('job_019ba7c71200700080ff2304be20c2b2','t',NULL,'t','succeeded',10,'r',NULL,'a60ea6e299debd07cfccb4983b9b6e2e244541981babfe3a9150c0881beef8f9','{"image":{"sha256":"a4d26868017c0ccffe2efe50944ef4211834660cca834c6e9f86dec6a88246fa"}}',1,3,NULL,NULL,1.0,'2026-01-10 12:00:00.000000','2026-01-10 12:00:00.000000','2026-01-10 12:00:00.000000','2026-01-10 12:00:00.000000',NULL,NULL,'m','1','art_019ba7c71200700087f8df502e31e58c',3,'https://core.example/done','a4d26868017c0ccffe2efe50944ef4211834660cca834c6e9f86dec6a88246fa',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('job_019ba7c7120070008edb41fca322c7e7','t',NULL,'t','running',10,'r',NULL,'9a1a2dad2dcd0015d7fd2de7661826a55004e94bc10b2a14db207769e42cb076','{"image":{"sha256":"a8cc0ece58ef2749dee2704586382cdee548918bb4892c3777acb4f6225082f9"}}',1,3,'a09b2a6ab33b39d9f3e1bbaba2054590','2026-01-10 12:00:30.000000',0.0,'2026-01-10 12:00:00.000000','2026-01-10 12:00:00.000000','2026-01-10 12:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,2,'https://core.example/done','a8cc0ece58ef2749dee2704586382cdee548918bb4892c3777acb4f6225082f9',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('job_019ba7c7120070009ba02040399a3298','t',NULL,'t','queued',10,'r',NULL,'a60ea6e299debd07cfccb4983b9b6e2e244541981babfe3a9150c0881beef8f9','{"image":{"sha256":"a4d26868017c0ccffe2efe50944ef4211834660cca834c6e9f86dec6a88246fa"}}',0,3,NULL,NULL,0.0,'2026-01-10 12:00:00.000000','2026-01-10 12:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'https://core.example/done','a4d26868017c0ccffe2efe50944ef4211834660cca834c6e9f86dec6a88246fa',NULL,NULL,NULL,NULL);
CREATE TABLE leases (
	name VARCHAR(50) NOT NULL, 
	holder VARCHAR(100) NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (name)
);
CREATE TABLE marks (
	job_id VARCHAR(40) NOT NULL, 
	mark VARCHAR(200) NOT NULL, 
	tenant_id VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_marks PRIMARY KEY (job_id, mark), 
	CONSTRAINT fk_marks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "marks" VALUES('job_019ba7c71200700080ff2304be20c2b2','a mark','t');
CREATE TABLE prunings (
	id VARCHAR(40) NOT NULL, 
	horizon DATETIME NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	jobs INTEGER NOT NULL, 
	artifacts INTEGER NOT NULL, 
	feedback INTEGER NOT NULL, 
	blobs INTEGER NOT NULL, 
	files INTEGER NOT NULL, 
	freed_bytes BIGINT NOT NULL, 
	CONSTRAINT pk_prunings PRIMARY KEY (id)
);
CREATE TABLE webhooks (
	job_id VARCHAR(40) NOT NULL, 
	version INTEGER NOT NULL, 
	tenant_id VARCHAR(200) NOT NULL, 
	url VARCHAR(2000) NOT NULL, 
	attempts INTEGER NOT NULL, 
	due_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	delivered BOOLEAN NOT NULL, 
	error_message TEXT, response_status INTEGER, attempted_at DATETIME, 
	CONSTRAINT pk_webhooks PRIMARY KEY (job_id, version), 
	CONSTRAINT fk_webhooks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "webhooks" VALUES('job_019ba7c71200700080ff2304be20c2b2',3,'t','https://core.example/done',0,'2026-01-10 12:00:00.000000',NULL,0,NULL,NULL,NULL);
CREATE INDEX ix_artifacts_job_id ON artifacts (job_id);
CREATE INDEX ix_artifacts_tenant_id_id ON artifacts (tenant_id, id);
CREATE INDEX ix_artifacts_tenant_id_request_id ON artifacts (tenant_id, request_id);
CREATE INDEX ix_jobs_running ON jobs (lease_expires_at) WHERE status = 'running';
CREATE INDEX ix_jobs_tenant_id_id ON jobs (tenant_id, id);
CREATE INDEX ix_feedback_tenant_id_id ON feedback (tenant_id, id);
CREATE INDEX ix_jobs_image_sha256 ON jobs (image_sha256, tenant_id);
CREATE INDEX ix_jobs_queued ON jobs (priority, tenant_id, due_at, id) WHERE status = 'queued';
CREATE INDEX ix_artifacts_image_sha256 ON artifacts (image_sha256, tenant_id);
CREATE INDEX ix_blobs_sha256 ON blobs (sha256);
CREATE INDEX ix_jobs_feature_status_id ON jobs (feature, status, id);
CREATE INDEX ix_jobs_tenant_id_feature_status_id ON jobs (tenant_id, feature, status, id);
CREATE INDEX ix_jobs_ended ON jobs (finished_at, feature, status, created_at, started_at) WHERE finished_at IS NOT NULL;
CREATE INDEX ix_artifacts_feature_success_id ON artifacts (feature, success, id);
CREATE INDEX ix_feedback_job_id ON feedback (job_id);
CREATE INDEX ix_marks_tenant_id_mark ON marks (tenant_id, mark);
CREATE INDEX ix_webhooks_waiting ON webhooks (tenant_id, due_at) WHERE ended_at IS NULL;
CREATE INDEX ix_jobs_request_id ON jobs (request_id);
CREATE INDEX ix_jobs_merchant ON jobs (merchant, id) WHERE merchant IS NOT NULL;
CREATE INDEX ix_jobs_review ON jobs (tenant_id, id) WHERE review = 'pending';
CREATE INDEX ix_corrections_tenant_id_id ON corrections (tenant_id, id);
COMMIT;
