/** A piece of a Telegram message as it looks: text, and what stands in bold and the like. */
export interface Piece {
	text: string;
	bold: boolean;
	italic: boolean;
	code: boolean;
	underline: boolean;
	strike: boolean;
	href: string | undefined;
}

const TAGS: Record<string, keyof Omit<Piece, 'text' | 'href'>> = {
	b: 'bold', strong: 'bold', i: 'italic', em: 'italic', code: 'code', pre: 'code', u: 'underline', ins: 'underline', s: 'strike', strike: 'strike', del: 'strike'
};
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Telegram's HTML as pieces that can be drawn without trusting it: tags it does not know are shown as text, as Telegram
 * would refuse them.
 */
export function pieces(html: string): Piece[] {
	const open: { tag: string; href: string | undefined }[] = [];
	const found: Piece[] = [];
	for (const token of html.match(/<[^<>]*>|[^<]+|</g) ?? []) {
		const tag = /^<(\/?)([a-z]+)(?:\s[^>]*)?>$/i.exec(token);
		const name = tag?.[2]?.toLowerCase() ?? '';
		if (!tag || !(name in TAGS || name === 'a')) {
			found.push(piece(decoded(token), open));
			continue;
		}
		if (tag[1]) {
			const at = open.findLastIndex((one) => one.tag === name);
			if (at >= 0) open.splice(at, 1);
		} else open.push({ tag: name, href: /href="([^"]*)"/i.exec(token)?.[1] });
	}
	return found;
}

function piece(text: string, open: readonly { tag: string; href: string | undefined }[]): Piece {
	const is = (style: string) => open.some((one) => TAGS[one.tag] === style);
	const href = open.find((one) => one.tag === 'a')?.href;
	return { text, bold: is('bold'), italic: is('italic'), code: is('code'), underline: is('underline'), strike: is('strike'), href: href ? decoded(href) : undefined };
}

function decoded(text: string): string {
	return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|([a-z]+));/gi, (whole, hex: string | undefined, decimal: string | undefined, name: string | undefined) => {
		if (name) return ENTITIES[name.toLowerCase()] ?? whole;
		const code = hex ? parseInt(hex, 16) : Number(decimal);
		return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
	});
}
