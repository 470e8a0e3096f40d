/** Shapes of the centre's answers. */

export interface Bilingual {
  zh: string;
  en: string;
}

export interface Me {
  name: string;
  display: string;
  roles: string[];
  permissions: string[];
}

export interface UserRow {
  id: string;
  name: string;
  display: string;
  roles: string[];
  demo: boolean;
  disabled: boolean;
}

export interface Site {
  id: string;
  name: Bilingual;
  simulated: boolean;
  timezone: string;
  areas: { id: string; kind: string; name: Bilingual }[];
}

export interface Room {
  id: string;
  venue: string;
  area: string;
  kind: string;
  capacity: number;
  equipment: string[];
  secret: boolean;
  bookable: boolean;
  name: Bilingual;
  way: Bilingual;
  cameras: string[];
}

export interface Device {
  id: string;
  venue: string;
  device_class: string;
  state: string;
  reason: string | null;
  simulated: boolean;
  changed_at: string | null;
}

export interface Edge {
  name: string;
  venue: string;
  fingerprint: string;
  online: boolean;
  seen_at: string | null;
  enrolled_at: string;
  revoked_at: string | null;
  ledger_seq: number;
}

export interface Booking {
  id: string;
  room: string;
  session: string;
  sitting: string;
  purpose: string;
  who: string;
  starts_at: string;
  ends_at: string;
  blocked_from: string;
  blocked_until: string;
  state: string;
  reason: string | null;
}

export interface Clash {
  booking: string;
  room: string;
  who: string;
  blocked_from: string;
  blocked_until: string;
}

export interface CheckWish {
  room: string;
  purpose: string;
  starts_at: string;
  ends_at: string;
  people?: number;
  but_sitting?: string | null;
}

export interface CheckAnswer {
  fits: boolean;
  refusals: { key: string; params: Record<string, unknown>; clashes: Clash[] }[];
}

export interface BookingMove {
  room?: string;
  starts_at?: string;
  ends_at?: string;
  reason?: string;
}

export type SessionAction = "prepare" | "open" | "close" | "cancel" | "file";

export interface Sitting {
  id: string;
  number: number;
  checkin_opens_at: string;
  starts_at: string;
  ends_at: string;
  rooms: { room: string; purpose: string; booking: string }[];
}

export interface SessionRow {
  id: string;
  venue: string;
  project_code: string;
  title: string;
  kind: string;
  state: string;
  suspended_from: string | null;
  reason: string | null;
  served_by: string;
  sittings: Sitting[];
}

export interface PreparationItem {
  item: string;
  source: "machine" | "person";
  state: "ok" | "missing" | "waived";
  params: Record<string, unknown>;
}

export interface Session extends SessionRow {
  actions: SessionAction[];
  preparation: PreparationItem[];
}

export interface SessionWish {
  project_code: string;
  title: string;
  kind: string;
  checkin_opens_at: string;
  starts_at: string;
  ends_at: string;
  rooms: { room: string; purpose: string; people: number }[];
}

export interface SessionFact {
  position: number;
  edge: string;
  seq: number;
  kind: string;
  visit: string | null;
  wall: string;
  body: Record<string, unknown>;
}

export interface Person {
  visit: string;
  alias: string;
  role: string;
  step: string;
  place: string | null;
  since: string;
}

export interface People {
  expected: number | null;
  inside: number;
  people: Person[];
}

export interface TodayRow {
  session: string;
  sitting: string;
  project_code: string;
  title: string;
  kind: string;
  state: string;
  rooms: string[];
  checkin_opens_at: string;
  starts_at: string;
  ends_at: string;
  expected: number | null;
  inside: number;
  missing: string[];
}

export interface TodayAlarm {
  alarm: string;
  origin: string;
  subject: string;
  detail_key: string;
  params: Record<string, unknown>;
  raised_at: string;
}

export interface Today {
  now: string;
  well: boolean;
  sessions: TodayRow[];
  alarms: TodayAlarm[];
  devices_ill: number;
  deliveries_late: number;
}

export interface Expert {
  id: string;
  alias: string;
  name: string;
  specialties: string[];
  photo: boolean;
  state: string;
  added_at: string;
}

export interface ExpertWish {
  name: string;
  id_number: string;
  phone: string;
  employer: string;
  specialties: string[];
  photo: string | null;
}

export interface Seat {
  specialty: string;
  count: number;
}

export interface Draw {
  id: string;
  state: string;
  reason: string | null;
  seats: Seat[];
  pool_size: number;
  pool_commitment: string;
  commitments: Record<string, string>;
  started_by: string;
  started_at: string;
  ended_at: string | null;
}

export interface WallCamera {
  id: string;
  name: Bilingual;
  room: string | null;
  session: string | null;
  session_title: string | null;
  session_state: string | null;
  recording: boolean;
  inside: number | null;
  expected: number | null;
}

export type OrderKind = "suspend_entry" | "resume_entry";

export interface FeedItem {
  id: string;
  kind: string;
  session: string | null;
  visit: string | null;
  alias: string | null;
  wall: string;
  body: Record<string, unknown>;
}

export interface Finding {
  key?: string;
  file?: string | null;
  second?: string | number | null;
  params?: Record<string, unknown>;
  [more: string]: unknown;
}

export interface PackageRow {
  session: string;
  project_code: string;
  state: string;
  path: string | null;
  agrees: boolean | null;
  findings: Finding[];
  evidence_at: string | null;
  sealed_at: string | null;
  keep_until: string | null;
  bytes: number;
}

export interface Completeness {
  agrees: boolean | null;
  edge: Record<string, unknown> | null;
  centre: Record<string, unknown> | null;
}

export interface Duty {
  name: string;
  every_s: number;
  started_at: string | null;
  ended_at: string | null;
  failed_at: string | null;
  error: string | null;
  runs: number;
}

export interface AuditRow {
  number: number;
  at: string;
  actor: string;
  action: string;
  subject: string;
  detail: Record<string, unknown>;
}

export interface EnrolmentCode {
  code: string;
  ca: string;
  minutes: number;
}

export interface Enrolment {
  id: string;
  name: string;
  state: string;
  fingerprint: string;
  asked_at: string;
  decided_by: string | null;
}

export interface SignRow {
  room: string;
  room_zh: string;
  room_en: string;
  kind: string | null;
  state: string;
  starts_at: string;
  ends_at: string;
}

export interface Hall {
  now: string;
  rows: SignRow[];
}

export interface Door {
  now: string;
  room: string;
  room_zh: string;
  room_en: string;
  in_use: boolean;
  current: SignRow | null;
  next: SignRow | null;
}
