"""What is stored: instances, who was sent them, and second contents of one UID.

Keys are counted, and what no arrival needs is in no index of arrivals: a commit of one instance changes six pages.
`seen` is a time of the appliance's own calendar, see `clock`.
"""

STATEMENTS = (
    """
    CREATE TABLE instance (
        id SERIAL PRIMARY KEY,
        sop_instance_uid TEXT NOT NULL UNIQUE,
        sop_class_uid TEXT NOT NULL,
        study_instance_uid TEXT NOT NULL,
        series_instance_uid TEXT NOT NULL,
        patient_id TEXT NOT NULL,
        issuer TEXT NOT NULL,
        patient_name TEXT NOT NULL,
        patient_birth_date TEXT NOT NULL,
        transfer_syntax_uid TEXT NOT NULL,
        file TEXT NOT NULL,
        file_bytes BIGINT NOT NULL,
        data_offset BIGINT NOT NULL,
        keys BLOB NOT NULL,
        sha256 TEXT,
        received DOUBLE PRECISION NOT NULL,
        seen DOUBLE PRECISION
    )
    """,
    "CREATE INDEX instance_unhashed ON instance (id) WHERE sha256 IS NULL",
    """
    CREATE TABLE reception (
        id SERIAL PRIMARY KEY,
        instance_id BIGINT NOT NULL REFERENCES instance (id) ON DELETE CASCADE,
        ae_title TEXT NOT NULL,
        calling_ae_title TEXT NOT NULL,
        association_id TEXT NOT NULL,
        study_instance_uid TEXT NOT NULL,
        received DOUBLE PRECISION NOT NULL,
        job_id TEXT,
        seen DOUBLE PRECISION
    )
    """,
    "CREATE INDEX reception_pending ON reception (ae_title) WHERE job_id IS NULL",
    "CREATE INDEX reception_job ON reception (job_id) WHERE job_id IS NOT NULL",
    "CREATE INDEX reception_study ON reception (ae_title, study_instance_uid) WHERE job_id IS NOT NULL",
    "CREATE INDEX reception_instance ON reception (instance_id)",
    """
    CREATE TABLE variant (
        id SERIAL PRIMARY KEY,
        instance_id BIGINT NOT NULL REFERENCES instance (id) ON DELETE CASCADE,
        file TEXT NOT NULL,
        file_bytes BIGINT NOT NULL,
        data_offset BIGINT NOT NULL,
        transfer_syntax_uid TEXT NOT NULL,
        ae_title TEXT NOT NULL,
        calling_ae_title TEXT NOT NULL,
        received DOUBLE PRECISION NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN ('unknown', 'different'))
    )
    """,
    "CREATE INDEX variant_instance ON variant (instance_id)",
)
