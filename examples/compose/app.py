"""Keeps notes in its own database and shows them to the project's agents, as a memory block of Letta."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
from letta_client import Letta

letta = Letta(base_url=os.environ["LETTA_BASE_URL"], api_key=os.environ["LETTA_API_KEY"])


def query(sql, *values):
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def notes():
    return "".join(f"{text}\n" for (text,) in query("select text from notes order by id"))


class Notes(BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query("insert into notes (text) values (%s)", text)
        letta.blocks.update(block.id, value=notes())
        self.do_GET()

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(notes().encode())


query("create table if not exists notes (id serial primary key, text text not null)")
block = next(iter(letta.blocks.list(label="notes")), None) or letta.blocks.create(label="notes", value="")
ThreadingHTTPServer(("", 8090), Notes).serve_forever()
