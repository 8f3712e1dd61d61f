// What travels between the server, Gradio and the modules.

/** Start and length in seconds, MIDI pitch, velocity. */
export type Note = [number, number, number, number];

/** A clip as the server offers it, or as Python gave it (then with its notes). */
export interface Clip {
  clip_id: string;
  audio_url?: string | null;
  audio?: { url: string };
  notes_url?: string | null;
  /** Of a picture, which has none of the above. */
  image_url?: string | null;
  notes?: Note[];
  seconds: number;
}

/** A clip that can be played and drawn, or a picture that can be shown. */
export interface LoadedClip {
  /** None of a picture. */
  buffer: AudioBuffer | null;
  /** The picture, decoded. */
  image?: HTMLImageElement;
  notes: Note[];
  seconds: number;
  clipId: string;
  /** The seconds at which its bars begin, and at last where it ends, where that is known. */
  bars?: number[];
}

/** What is on the page: clips by side, and which offer they are. */
export interface Laid {
  offerId: string;
  clips: Record<string, LoadedClip>;
  /** As the server offered it. */
  offer?: any;
}

/** How many picks there are, and where music and pictures are told apart, how many of them compare pictures. */
export interface Counted {
  picks: number;
  picks_of_pictures?: number;
}

export interface Listener extends Counted {
  listener_id: string;
  domain: string;
  listener_token?: string;
}

/** What the server says of a vote. */
export interface Reply extends Counted {
  outcome: string;
  open: any[];
  kept?: boolean | null;
}

/** How one way of picking differs from another: see games.js. */
export interface Game {
  called: string;
  outcomes: Record<string, string>;
  kept: string;
  ahead: boolean;
  greet(onTrouble: (error: any, attempt: number) => void): Promise<Counted & { domain?: string }>;
  greetAgain(onTrouble: (error: any, attempt: number) => void): Promise<Counted & { domain?: string }>;
  open(): Promise<any[]>;
  id(offer: any): string;
  clips(offer: any): Record<string, Clip>;
  ballot(id: string, outcome: string, heard: Record<string, number>): any;
  send(ballot: any): Promise<Reply>;
  winner(outcome: string): string | undefined;
  /** Puts on the page what belongs to an offer beside its clips. */
  hang?(root: HTMLElement, offer: any): void;
  noted: Record<string, string>;
  begin: string;
  listen: string;
  /** What is asked where the clips are pictures. */
  look: string;
}

/** What Gradio hands to a component's script. */
export interface GradioComponent<Value = any> {
  element: HTMLElement;
  props: { value: Value } & Record<string, any>;
  trigger(event: string, data?: any): void;
  watch(props: string | string[], act: () => void): void;
  server: Record<string, (...args: any[]) => Promise<any>>;
  upload(file: File): Promise<{ path: string; url: string }>;
}
