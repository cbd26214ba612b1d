import { createServer, type Server } from 'node:http';
import type net from 'node:net';
import { until } from './rest';

interface Said {
	chat_id: number | string;
	text: string;
}

/** Telegram as a bot sees it: people who write to it, and what it says. */
export class Telegram {
	readonly said: Said[] = [];
	private readonly news: { update_id: number; [of: string]: unknown }[] = [];
	private last = 100;

	private constructor(
		private readonly server: Server,
		readonly url: string
	) {}

	static async start(): Promise<Telegram> {
		const server = createServer();
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const telegram = new Telegram(server, `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
		server.on('request', (request, response) => {
			let body = '';
			request.on('data', (chunk: Buffer) => (body += chunk.toString()));
			request.on('end', async () => {
				const result = await telegram.answer(request.url?.split('/').at(-1)?.toLowerCase() ?? '', JSON.parse(body || '{}'));
				response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: true, result }));
			});
		});
		return telegram;
	}

	private async answer(method: string, body: { offset?: number } & Partial<Said>): Promise<unknown> {
		if (method === 'sendmessage') {
			this.said.push({ chat_id: body.chat_id ?? 0, text: body.text ?? '' });
			return { message_id: 9, date: 1_700_000_000, text: 'x', chat: { id: 5, type: 'private', first_name: 'Ann' } };
		}
		if (method !== 'getupdates') return true;
		// The real one waits for news as well, only longer.
		const waiting = () => this.news.filter((update) => update.update_id >= (body.offset ?? 0));
		for (let turn = 0; turn < 20 && waiting().length === 0; turn += 1) await new Promise((resolve) => setTimeout(resolve, 25));
		return waiting();
	}

	/** Somebody writes to the bot, in a conversation with it. */
	write(person: number, first_name: string, text: string): void {
		const date = Math.floor(Date.now() / 1000);
		const message = { message_id: 1, date, text, chat: { id: person, type: 'private', first_name }, from: { id: person, is_bot: false, first_name } };
		this.news.push({ update_id: ++this.last, message });
	}

	/** What the bot says, if it has these words. */
	hear(words: string | RegExp): Promise<Said> {
		const fits = ({ text }: Said) => (typeof words === 'string' ? text.includes(words) : words.test(text));
		return until(`the bot to say ${words}`, async () => this.said.find(fits), 30_000);
	}

	async stop(): Promise<void> {
		this.server.closeAllConnections();
		await new Promise((resolve) => this.server.close(resolve));
	}
}
