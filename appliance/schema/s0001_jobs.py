"""Jobs and their history."""

STATEMENTS = (
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL UNIQUE,
        kind TEXT NOT NULL CHECK (kind IN ('film', 'disc')),
        state TEXT NOT NULL,
        step TEXT NOT NULL,
        info TEXT NOT NULL DEFAULT '',
        progress DOUBLE PRECISION NOT NULL DEFAULT 0,
        ae_title TEXT NOT NULL,
        calling_ae_title TEXT NOT NULL DEFAULT '',
        uid TEXT UNIQUE,
        folder TEXT NOT NULL DEFAULT '',
        payload TEXT NOT NULL DEFAULT '{}',
        priority INTEGER NOT NULL DEFAULT 1,
        held INTEGER NOT NULL DEFAULT 0,
        hold_reason TEXT NOT NULL DEFAULT '',
        release_reason TEXT NOT NULL DEFAULT '',
        cancelled INTEGER NOT NULL DEFAULT 0,
        files TEXT NOT NULL DEFAULT '[]',
        warnings TEXT NOT NULL DEFAULT '[]',
        error TEXT NOT NULL DEFAULT '',
        attempts INTEGER NOT NULL DEFAULT 0,
        not_before DOUBLE PRECISION NOT NULL DEFAULT 0,
        owner TEXT NOT NULL DEFAULT '',
        created DOUBLE PRECISION NOT NULL,
        updated DOUBLE PRECISION NOT NULL,
        seen DOUBLE PRECISION
    )
    """,
    "CREATE INDEX job_waiting ON job (kind, step, held, priority, number)",
    """
    CREATE TABLE job_event (
        job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at DOUBLE PRECISION NOT NULL,
        event TEXT NOT NULL,
        state TEXT NOT NULL,
        step TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (job_id, number)
    )
    """,
)
