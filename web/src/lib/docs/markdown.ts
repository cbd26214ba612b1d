import { lexer, type MarkedToken, type Token, type Tokens } from 'marked';

/** Part of a line. */
export type Inline =
	| { kind: 'text'; text: string }
	| { kind: 'code'; text: string }
	| { kind: 'strong' | 'em' | 'del'; parts: Inline[] }
	| { kind: 'link'; href: string; outside: boolean; parts: Inline[] }
	| { kind: 'break' };

/** Part of a page. */
export type Block =
	| { kind: 'heading'; depth: number; id: string; parts: Inline[] }
	| { kind: 'paragraph'; parts: Inline[] }
	| { kind: 'code'; text: string; language: string }
	| { kind: 'list'; ordered: boolean; start: number; items: Block[][] }
	| { kind: 'quote'; blocks: Block[] }
	| { kind: 'table'; header: Inline[][]; rows: Inline[][][] }
	| { kind: 'rule' };

export interface Heading {
	id: string;
	depth: number;
	text: string;
}

export interface Page {
	blocks: Block[];
	headings: Heading[];
}

/**
 * Markdown as a tree that components draw. HTML in it is left out, links lead to pages of ours, to anchors or to the web,
 * and nothing is ever put into the page as text that the browser would read as HTML.
 */
export function parse(markdown: string): Page {
	const headings: Heading[] = [];
	const used = new Map<string, number>();

	function heading(token: Tokens.Heading): Block {
		const parts = inlines(token.tokens);
		const text = plain(parts);
		const base = slug(text);
		const seen = used.get(base) ?? 0;
		used.set(base, seen + 1);
		const id = seen === 0 ? base : `${base}-${seen}`;
		headings.push({ id, depth: token.depth, text });
		return { kind: 'heading', depth: token.depth, id, parts };
	}

	function blocks(tokens: readonly Token[]): Block[] {
		return tokens.flatMap((given): Block[] => {
			const token = given as MarkedToken;
			switch (token.type) {
				case 'heading':
					return [heading(token)];
				case 'paragraph':
					return [{ kind: 'paragraph', parts: inlines(token.tokens) }];
				case 'text':
					return [{ kind: 'paragraph', parts: token.tokens ? inlines(token.tokens) : [{ kind: 'text', text: token.text }] }];
				case 'code':
					return [{ kind: 'code', text: token.text, language: token.lang ?? '' }];
				case 'list':
					return [{ kind: 'list', ordered: token.ordered, start: Number(token.start) || 1, items: token.items.map((item) => blocks(item.tokens)) }];
				case 'blockquote':
					return [{ kind: 'quote', blocks: blocks(token.tokens) }];
				case 'table':
					return [{ kind: 'table', header: token.header.map((cell) => inlines(cell.tokens)), rows: token.rows.map((row) => row.map((cell) => inlines(cell.tokens))) }];
				case 'hr':
					return [{ kind: 'rule' }];
				default:
					return [];
			}
		});
	}

	return { blocks: blocks(lexer(markdown)), headings };
}

function inlines(tokens: readonly Token[]): Inline[] {
	return tokens.flatMap((given): Inline[] => {
		const token = given as MarkedToken;
		switch (token.type) {
			case 'text':
				return token.tokens ? inlines(token.tokens) : [{ kind: 'text', text: token.text }];
			case 'escape':
				return [{ kind: 'text', text: token.text }];
			case 'codespan':
				return [{ kind: 'code', text: token.text }];
			case 'strong':
			case 'em':
			case 'del':
				return [{ kind: token.type, parts: inlines(token.tokens) }];
			case 'link': {
				const target = linkTarget(token.href);
				return target ? [{ kind: 'link', ...target, parts: inlines(token.tokens) }] : inlines(token.tokens);
			}
			case 'image':
				return [{ kind: 'text', text: token.text }];
			case 'br':
				return [{ kind: 'break' }];
			default:
				return [];
		}
	});
}

/** Where a link of a document leads here; nothing if it leads nowhere that can be shown. */
export function linkTarget(href: string): { href: string; outside: boolean } | undefined {
	if (href.startsWith('#')) return { href, outside: false };
	if (/^https?:\/\//.test(href)) return { href, outside: true };
	const [, name, anchor = ''] = /^(?:\.\/)?([\w-]+)\.md(#[\w-]*)?$/.exec(href) ?? [];
	return name ? { href: `/docs/${name}${anchor}`, outside: false } : undefined;
}

/** The words alone. */
export function plain(parts: readonly Inline[]): string {
	return parts.map((part) => ('text' in part ? part.text : 'parts' in part ? plain(part.parts) : ' ')).join('');
}

/** As GitHub makes anchors, so that links in the documents work there and here. */
function slug(text: string): string {
	return text.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');
}
