/** Server-sent events over fetch, which tells the status of an answer that is none. */

export interface ServerEvent {
	event: string;
	data: string;
	id: string | null;
}

/** Cuts a text that arrives in pieces into events. */
export class EventParser {
	#rest = '';

	/** The events that are whole with this piece. */
	push(piece: string): ServerEvent[] {
		this.#rest += piece;
		const blocks = this.#rest.split(/\r?\n\r?\n/);
		this.#rest = blocks.pop() ?? '';
		return blocks.map(parse).filter((event) => event !== null);
	}
}

function parse(block: string): ServerEvent | null {
	const data: string[] = [];
	let event = 'message';
	let id: string | null = null;
	for (const line of block.split(/\r?\n/)) {
		const colon = line.indexOf(':');
		if (colon <= 0) continue;
		const field = line.slice(0, colon);
		const value = line.slice(colon + 1).replace(/^ /, '');
		if (field === 'data') data.push(value);
		else if (field === 'event') event = value;
		else if (field === 'id') id = value;
	}
	return data.length > 0 ? { event, data: data.join('\n'), id } : null;
}

/** Reads the stream until it ends or `signal` stops it; `onOpen` is told when the server has accepted. */
export async function readEvents(
	url: string,
	headers: Record<string, string>,
	signal: AbortSignal,
	onOpen: () => void,
	onEvent: (event: ServerEvent) => void
): Promise<number> {
	const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal });
	if (!response.ok || !response.body) return response.status;
	onOpen();
	const parser = new EventParser();
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return response.status;
		parser.push(value).forEach(onEvent);
	}
}
