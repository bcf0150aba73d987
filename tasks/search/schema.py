"""The tables of the documents in each database, and the triggers that remove a document with its task."""

from __future__ import annotations

from typing import Any

from tasks.search.rowids import expression

# The words are cut and folded before: the database parts them at blanks. The first three letters of each are indexed
# too, so that words that begin so are found quickly.
SQLITE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS tasks_words"
    " USING fts5(name, body, task UNINDEXED, tokenize = 'ascii', prefix = '3')",
    "CREATE TRIGGER IF NOT EXISTS task_document_goes AFTER DELETE ON tasks_task"
    f" BEGIN DELETE FROM tasks_words WHERE rowid = {expression('old.id')}; END",
)
POSTGRESQL = (
    "CREATE TABLE IF NOT EXISTS tasks_document (task_id uuid PRIMARY KEY, words tsvector NOT NULL)",
    "CREATE INDEX IF NOT EXISTS tasks_document_words ON tasks_document USING gin (words)",
    "CREATE OR REPLACE FUNCTION task_document_goes() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN DELETE FROM tasks_document WHERE task_id = old.id; RETURN NULL; END $$",
    "CREATE OR REPLACE TRIGGER task_document_goes AFTER DELETE ON tasks_task"
    " FOR EACH ROW EXECUTE FUNCTION task_document_goes()",
    "CREATE OR REPLACE FUNCTION task_documents_go() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN TRUNCATE tasks_document; RETURN NULL; END $$",
    "CREATE OR REPLACE TRIGGER task_documents_go AFTER TRUNCATE ON tasks_task EXECUTE FUNCTION task_documents_go()",
)
SQLITE_BACK = ("DROP TRIGGER IF EXISTS task_document_goes", "DROP TABLE tasks_words")
POSTGRESQL_BACK = (
    "DROP TRIGGER task_document_goes ON tasks_task", "DROP TRIGGER task_documents_go ON tasks_task",
    "DROP FUNCTION task_document_goes", "DROP FUNCTION task_documents_go", "DROP TABLE tasks_document",
)


def create(connection: Any) -> None:
    """Make what is not there. Again after every migration: SQLite drops the triggers of a table that is made anew."""
    _run(connection, POSTGRESQL if connection.vendor == "postgresql" else SQLITE)


def remove(connection: Any) -> None:
    """Remove all of it."""
    _run(connection, POSTGRESQL_BACK if connection.vendor == "postgresql" else SQLITE_BACK)


def _run(connection: Any, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
