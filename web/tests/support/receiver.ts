import { createServer, type IncomingMessage, type Server } from 'node:http';
import net from 'node:net';
import { until } from './rest';

export interface Received {
	path: string;
	headers: IncomingMessage['headers'];
	body: string;
}

/** The other side of HTTP channels: takes what comes, or refuses it as long as it is told to. */
export class Receiver {
	readonly received: Received[] = [];
	/** The status it answers with. */
	status = 200;
	answer = '{"ok":true,"result":{"message_id":1,"date":0,"chat":{"id":5,"type":"private"}}}';

	private constructor(
		private readonly server: Server,
		readonly url: string
	) {}

	static async start(): Promise<Receiver> {
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const receiver = new Receiver(server, `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
		server.on('request', (request, response) => {
			let body = '';
			request.on('data', (chunk: Buffer) => (body += chunk.toString()));
			request.on('end', () => {
				if (receiver.status < 300) receiver.received.push({ path: request.url ?? '', headers: request.headers, body });
				response.writeHead(receiver.status, { 'content-type': 'application/json' }).end(receiver.status < 300 ? receiver.answer : '{"error":"the moon is in the way"}');
			});
		});
		return receiver;
	}

	/** The first that came whose body has this text. */
	with(text: string): Promise<Received> {
		return until(`a message with “${text}”`, async () => this.received.find((one) => one.body.includes(text)), 30_000);
	}

	async stop(): Promise<void> {
		this.server.closeAllConnections();
		await new Promise((resolve) => this.server.close(resolve));
	}
}

/** The other side of mail: takes every mail, without a login or TLS. */
export class MailServer {
	readonly mails: string[] = [];

	private constructor(
		private readonly server: net.Server,
		readonly port: number
	) {}

	static async start(): Promise<MailServer> {
		const server = net.createServer();
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const mail = new MailServer(server, (server.address() as net.AddressInfo).port);
		server.on('connection', (socket) => {
			let data: string | null = null;
			let rest = '';
			socket.on('error', () => socket.destroy());
			socket.write('220 test ESMTP\r\n');
			socket.on('data', (chunk) => {
				rest += chunk.toString();
				for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
					const line = rest.slice(0, end);
					rest = rest.slice(end + 2);
					if (data !== null) {
						if (line === '.') {
							mail.mails.push(data);
							data = null;
							socket.write('250 taken as 4711\r\n');
						} else data += `${line}\n`;
					} else if (/^data/i.test(line)) {
						data = '';
						socket.write('354 go on\r\n');
					} else if (/^quit/i.test(line)) socket.end('221 bye\r\n');
					else socket.write('250 ok\r\n');
				}
			});
		});
		return mail;
	}

	async stop(): Promise<void> {
		await new Promise((resolve) => this.server.close(resolve));
	}
}
