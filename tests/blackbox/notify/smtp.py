"""A mail server (aiosmtpd) that asks for TLS and a login, and prints each mail as a line of JSON.

usage: smtp.py starttls|tls CERTIFICATE KEY USER PASSWORD
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_DATA(self, server, session, envelope):
        if b"refuse this" in envelope.content:
            return "554 5.7.1 refused by policy"
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or sys.argv[1] == "tls",
            "login": session.auth_data.login.decode() if session.auth_data else None,
            "content": envelope.content.decode(),
        }
        print(json.dumps(mail), flush=True)
        return "250 2.0.0 queued as 4711"


def authenticate(server, session, envelope, mechanism, data):
    right = data.login.decode() == sys.argv[4] and data.password.decode() == sys.argv[5]
    return AuthResult(success=right, handled=False, auth_data=data)


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    wrapped = sys.argv[1] == "tls"

    def session():
        return SMTP(
            Handler(), hostname="mail.test", authenticator=authenticate, auth_required=True,
            auth_require_tls=not wrapped, tls_context=None if wrapped else context, require_starttls=not wrapped,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if wrapped else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
