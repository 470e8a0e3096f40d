/** Names for the generated shapes of the centre's answers (`centre.d.ts`, made by `npm run api`). */
import type { components } from "./centre";

type S = components["schemas"];

export interface Bilingual {
  zh: string;
  en: string;
}

export type Me = S["Me"];
export type Site = S["SiteRead"];
export type Room = S["RoomRead"];
export type Device = S["DeviceRead"];
export type Edge = S["EdgeRead"];
export type Booking = S["BookingOut"];
export type CheckWish = S["CheckIn"];
export type CheckAnswer = S["CheckOut"];
export type BookingMove = S["MoveIn"];
export type SessionRow = S["SessionRow"];
export type Session = S["SessionOut"];
export type SessionAction = Session["actions"][number];
export type SessionWish = S["SessionIn"];
export type PreparationItem = S["ItemOut"];
export type SessionFact = S["FactOut"];
export type Person = S["PersonOut"];
export type People = S["PeopleOut"];
export type Today = S["TodayOut"];
export type TodayRow = S["TodayRow"];
export type TodayAlarm = S["TodayAlarm"];
export type Expert = S["ExpertOut"];
export type ExpertWish = S["ExpertIn"];
export type Seat = S["SeatIn"];
export type DrawWish = S["DrawIn"];
export type Draw = S["DrawOut"];
export type WallCamera = S["WallCamera"];
export type OrderKind = S["OrderWanted"]["kind"];
export type OrderStateName = S["OrderState"]["state"];
export type PackageRow = S["PackageRow"];
export type Package = S["PackageOut"];
export type Completeness = S["CompletenessOut"];
export type Duty = S["DutyRead"];
export type AuditRow = S["AuditRead"];
export type EnrolmentCode = S["CodeMade"];
export type Enrolment = S["EnrolmentRead"];
export type SignRow = S["SignRow"];
export type Hall = S["HallOut"];
export type Door = S["DoorOut"];

/** An item of the feed (server-sent events have no generated shape). */
export interface FeedItem {
  id: string;
  kind: string;
  session: string | null;
  visit: string | null;
  alias: string | null;
  wall: string;
  body: Record<string, unknown>;
}
