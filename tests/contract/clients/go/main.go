// Command scenario drives the scenario through the generated client.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"scenario/kartoteka"
)

type demo struct {
	Users []struct {
		Role, Email, Password string
	}
	FormKey string `json:"form_key"`
}

func check(holds bool, format string, facts ...any) {
	if !holds {
		panic(fmt.Errorf(format, facts...))
	}
}

func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func problemOf(err error) (kartoteka.Problem, bool) {
	var refusal *kartoteka.GenericOpenAPIError
	if !errors.As(err, &refusal) {
		return kartoteka.Problem{}, false
	}
	problem, ok := refusal.Model().(kartoteka.Problem)
	return problem, ok
}

// answered gives the answer, or fails with what the problem says.
func answered[T any](status int) func(*T, *http.Response, error) *T {
	return func(answer *T, response *http.Response, err error) *T {
		if problem, ok := problemOf(err); ok {
			check(false, "%d %s: %s", response.StatusCode, problem.Code, problem.Detail)
		}
		check(err == nil, "%v", err)
		check(response.StatusCode == status, "status %d, not %d", response.StatusCode, status)
		return answer
	}
}

func refused[T any](status int, code string) func(*T, *http.Response, error) kartoteka.Problem {
	return func(_ *T, response *http.Response, err error) kartoteka.Problem {
		check(response != nil && response.StatusCode == status, "not %d: %v", status, err)
		problem, ok := problemOf(err)
		check(ok, "no problem: %v", err)
		check(problem.Code == code, "code %s, not %s", problem.Code, code)
		return problem
	}
}

// facts is what an item of each kind is told by: every variant has a body of its own.
func facts(item kartoteka.TimelineItem) (kind, fact string) {
	switch item := item.GetActualInstance().(type) {
	case *kartoteka.TimelineCommunication:
		return item.Kind, item.Record.Channel
	case *kartoteka.TimelineTask:
		return item.Kind, item.Record.Title
	case *kartoteka.TimelineNote:
		return item.Kind, item.Record.Body
	case *kartoteka.TimelineLead:
		return item.Kind, item.Record.Status
	case *kartoteka.TimelineSubmission:
		return item.Kind, item.Record.State
	case *kartoteka.TimelineDeal:
		return item.Kind, item.Record.Name
	case *kartoteka.TimelineStageChange:
		return item.Kind, item.Record.ToStageName
	case *kartoteka.TimelineChange:
		return item.Kind, item.Record.Action
	default:
		panic(errors.New("an unknown variant"))
	}
}

func counted(counts map[string]int) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", key, counts[key]))
	}
	return strings.Join(parts, ", ")
}

func digits(length int) string {
	var text strings.Builder
	for range length {
		fmt.Fprint(&text, rand.IntN(10))
	}
	return text.String()
}

type scenario struct {
	client                   *kartoteka.APIClient
	ctx                      context.Context
	email, password, formKey string
	number, address          string
	newContact               kartoteka.ContactInput
	contact                  *kartoteka.Contact
	pipeline                 kartoteka.Pipeline
	offer, enquiry           *kartoteka.Deal
}

func newScenario(url string, demo demo) *scenario {
	configuration := kartoteka.NewConfiguration()
	configuration.Servers = kartoteka.ServerConfigurations{{URL: url}}
	s := &scenario{
		client:  kartoteka.NewAPIClient(configuration),
		ctx:     context.Background(),
		formKey: demo.FormKey,
		number:  "+7912" + digits(7),
		address: "client-" + digits(10) + "@example.com",
	}
	for _, user := range demo.Users {
		if user.Role == "administrator" {
			s.email, s.password = user.Email, user.Password
		}
	}
	s.newContact = contactBody("Anna "+digits(6), s.number, s.address)
	s.newContact.SetPosition("Buyer")
	s.newContact.SetComment("Met at the fair")
	return s
}

func contactBody(name, number, address string) kartoteka.ContactInput {
	phone, email, body := kartoteka.NewAddedPhone(number), kartoteka.NewAddedEmail(address), kartoteka.NewContactInput()
	body.SetDisplayName(name)
	body.SetPhones([]kartoteka.AddedPhone{*phone})
	body.SetEmails([]kartoteka.AddedEmail{*email})
	return *body
}

func (s *scenario) task(title, dueAt string) kartoteka.TaskInput {
	body := kartoteka.NewTaskInput(title)
	body.SetContactId(s.contact.Id)
	body.SetDueAt(must(time.Parse(time.RFC3339, dueAt)))
	return *body
}

func (s *scenario) signIn() string {
	body := kartoteka.NewSignIn(s.email, s.password)
	tokens := answered[kartoteka.Tokens](200)(s.client.AuthAPI.CreateToken(s.ctx).SignIn(*body).Execute())
	s.ctx = context.WithValue(s.ctx, kartoteka.ContextAccessToken, tokens.AccessToken)
	return fmt.Sprintf("%s, %d s", tokens.TokenType, tokens.ExpiresIn)
}

func (s *scenario) createContact() string {
	request := s.client.ContactsAPI.CreateContact(s.ctx).ContactInput(s.newContact)
	s.contact = answered[kartoteka.Contact](201)(request.Execute())
	check(len(s.contact.Phones) == 1 && s.contact.Phones[0].E164 == s.number, "phones %v", s.contact.Phones)
	return fmt.Sprintf("%s, version %d", s.contact.DisplayName, s.contact.Version)
}

func (s *scenario) meetDuplicate() string {
	request := s.client.ContactsAPI.CreateContact(s.ctx).ContactInput(s.newContact)
	problem := refused[kartoteka.Contact](409, "duplicate_found")(request.Execute())
	check(len(problem.Candidates) > 0, "no candidates")
	best := problem.Candidates[0]
	check(best.Id == s.contact.Id, "candidate %s", best.Id)
	var evidence []string
	for _, each := range best.Evidence {
		evidence = append(evidence, fmt.Sprintf("%s %s %.2f", each.Field, each.Agreement, each.Weight))
	}
	return fmt.Sprintf("%s %.2f by %s", best.Verdict, best.Score, strings.Join(evidence, ", "))
}

func (s *scenario) attachDuplicate() string {
	request := s.client.ContactsAPI.CreateContact(s.ctx).ContactInput(s.newContact).OnDuplicate(kartoteka.ONDUPLICATE_ATTACH)
	attached := answered[kartoteka.Contact](200)(request.Execute())
	check(attached.Id == s.contact.Id, "another contact: %s", attached.Id)
	return "the same contact"
}

func (s *scenario) logCall() string {
	body := kartoteka.NewCommunicationInput(kartoteka.CHANNELINPUT_CALL, kartoteka.DIRECTIONINPUT_INBOUND)
	body.SetContactId(s.contact.Id)
	body.SetDurationSeconds(185)
	body.SetOutcome("interested")
	request := s.client.CommunicationsAPI.CreateCommunication(s.ctx).CommunicationInput(*body)
	call := answered[kartoteka.Communication](201)(request.Execute())
	check(call.ContactId == s.contact.Id, "contact %s", call.ContactId)
	return fmt.Sprintf("%s %s, %d s, %s", call.Direction, call.Channel, call.GetDurationSeconds(), call.Status)
}

func (s *scenario) completeTask() string {
	create := s.client.TasksAPI.CreateTask(s.ctx).TaskInput(s.task("Call back", "2030-01-10T09:00:00Z"))
	task := answered[kartoteka.Task](201)(create.Execute())
	completion := kartoteka.NewTaskCompletion()
	completion.SetResult("Agreed to meet")
	completion.SetNextTask(s.task("Meet", "2030-01-11T09:00:00Z"))
	complete := s.client.TasksAPI.CompleteTask(s.ctx, task.Id).TaskCompletion(*completion)
	completed := answered[kartoteka.CompletedTask](200)(complete.Execute())
	check(completed.Task.Status == "done", "status %s", completed.Task.Status)
	next := completed.NextTask.Get()
	check(next != nil, "no next task")
	check(next.GetContactId() == s.contact.Id, "next task of %s", next.GetContactId())
	return fmt.Sprintf("%s, next: %s at %s", completed.Task.Status, next.Title, next.GetDueAt().Format(time.RFC3339))
}

func (s *scenario) timeline() map[string]int {
	request := s.client.ContactsAPI.GetContactTimeline(s.ctx, s.contact.Id).Limit(200)
	counts := map[string]int{}
	for _, item := range answered[kartoteka.TimelineItemPage](200)(request.Execute()).Data {
		kind, fact := facts(item)
		check(fact != "", "an empty %s", kind)
		counts[kind]++
	}
	return counts
}

func (s *scenario) readTimeline() string {
	note := kartoteka.NewNoteInput("Prefers mornings")
	note.SetContactId(s.contact.Id)
	answered[kartoteka.Note](201)(s.client.NotesAPI.CreateNote(s.ctx).NoteInput(*note).Execute())
	counts := s.timeline()
	for _, kind := range []string{"change", "communication", "note", "task"} {
		check(counts[kind] > 0, "no %s", kind)
	}
	return counted(counts)
}

func (s *scenario) pageList() string {
	missing := map[string]bool{}
	for number := range 7 {
		body := s.task(fmt.Sprint("Step ", number), "2030-02-01T09:00:00Z")
		missing[answered[kartoteka.Task](201)(s.client.TasksAPI.CreateTask(s.ctx).TaskInput(body).Execute()).Id] = true
	}
	seen, pages := map[string]bool{}, 0
	request := s.client.TasksAPI.ListTasks(s.ctx).ContactId([]string{s.contact.Id}).Limit(2)
	request = request.Status([]kartoteka.TaskStatusInput{kartoteka.TASKSTATUSINPUT_OPEN, kartoteka.TASKSTATUSINPUT_DONE})
	for ; ; pages++ {
		page := answered[kartoteka.TaskPage](200)(request.Execute())
		for _, task := range page.Data {
			check(!seen[task.Id], "repeats")
			seen[task.Id] = true
			delete(missing, task.Id)
		}
		cursor := page.NextCursor.Get()
		if cursor == nil {
			break
		}
		request = request.Cursor(*cursor)
	}
	check(len(missing) == 0, "skips")
	return fmt.Sprintf("%d tasks on %d pages", len(seen), pages+1)
}

func (s *scenario) clearFields() string {
	byNull, byName := kartoteka.NewContactPatch(), kartoteka.NewContactPatch()
	byNull.SetCommentNil()
	byName.SetClear([]kartoteka.ContactField{kartoteka.CONTACTFIELD_POSITION})
	request := s.client.ContactsAPI.UpdateContact(s.ctx, s.contact.Id)
	cleared := answered[kartoteka.Contact](200)(request.ContactPatch(*byNull).Execute())
	check(cleared.Comment.Get() == nil, "comment %s", cleared.GetComment())
	cleared = answered[kartoteka.Contact](200)(request.ContactPatch(*byName).Execute())
	check(cleared.Position.Get() == nil, "position %s", cleared.GetPosition())
	return fmt.Sprintf("version %d", cleared.Version)
}

func (s *scenario) staleVersion() string {
	patch := kartoteka.NewContactPatch()
	patch.SetComment("Late")
	stale := fmt.Sprintf("%q", fmt.Sprint(s.contact.Version))
	request := s.client.ContactsAPI.UpdateContact(s.ctx, s.contact.Id).ContactPatch(*patch).IfMatch(stale)
	problem := refused[kartoteka.Contact](412, "version_mismatch")(request.Execute())
	check(problem.GetCurrentVersion() > s.contact.Version, "version %d", problem.GetCurrentVersion())
	check(slices.Contains(problem.ChangedFields, "comment"), "fields %v", problem.ChangedFields)
	return fmt.Sprintf("now %d, changed %s", problem.GetCurrentVersion(), strings.Join(problem.ChangedFields, ", "))
}

func (s *scenario) repeatKey() string {
	request := s.client.TasksAPI.CreateTask(s.ctx).TaskInput(s.task("Only once", "2030-03-01T09:00:00Z")).IdempotencyKey(digits(20))
	first := answered[kartoteka.Task](201)(request.Execute())
	repeated, response, err := request.Execute()
	check(answered[kartoteka.Task](201)(repeated, response, err).Id == first.Id, "another task")
	check(response.Header.Get("Idempotent-Replayed") == "true", "not replayed")
	return "the same task, replayed"
}

func (s *scenario) listPipelines() string {
	page := answered[kartoteka.PipelinePage](200)(s.client.PipelinesAPI.ListPipelines(s.ctx).Execute())
	check(len(page.Data) > 0, "no pipelines")
	s.pipeline = page.Data[0]
	stages := s.pipeline.Stages
	check(len(stages) > 2 && stages[0].Kind == "open" && stages[1].Kind == "open", "stages %v", stages)
	return fmt.Sprintf("%s, %d stages from %s to %s", s.pipeline.Name, len(stages), stages[0].Name, stages[len(stages)-1].Name)
}

func (s *scenario) deal(name string) *kartoteka.DealInput {
	contact, body := kartoteka.NewDealContactInput(s.contact.Id), kartoteka.NewDealInput(name)
	contact.SetRole("decides")
	body.SetPipelineId(s.pipeline.Id)
	body.SetStageId(s.pipeline.Stages[0].Id)
	body.SetContacts([]kartoteka.DealContactInput{*contact})
	return body
}

func (s *scenario) createDeal(body *kartoteka.DealInput) *kartoteka.Deal {
	return answered[kartoteka.Deal](201)(s.client.DealsAPI.CreateDeal(s.ctx).DealInput(*body).Execute())
}

func lineItem(name, quantity string, price int64) kartoteka.LineItemInput {
	line := kartoteka.NewLineItemInput()
	line.SetName(name)
	line.SetQuantity(quantity)
	line.SetPrice(price)
	line.SetTaxPercent("20")
	return *line
}

func (s *scenario) createDeals() string {
	desk, assembly := lineItem("Desk", "3", 1_250_000), lineItem("Assembly", "1.5", 150_000)
	desk.SetDiscountPercent("10")
	assembly.SetUnit("hours")
	assembly.SetTaxIncluded(true)
	body := s.deal("Desks for the office")
	body.SetLineItems([]kartoteka.LineItemInput{desk, assembly})
	body.SetNextTask(s.task("Send the offer", "2030-04-01T09:00:00Z"))
	s.offer = s.createDeal(body)
	var totals []int64
	for _, line := range s.offer.LineItems {
		check(line.Net+line.Tax == line.Total, "net and tax are not the total")
		totals = append(totals, line.Total)
	}
	check(slices.Equal(totals, []int64{4_050_000, 225_000}), "totals %v", totals)
	amount, nextTaskAt := s.offer.Amount.Get(), s.offer.NextTaskAt.Get()
	check(amount != nil && nextTaskAt != nil, "no amount or no next task")
	check(amount.Amount == totals[0]+totals[1], "amount %d", amount.Amount)
	check(amount.Currency == s.offer.Currency, "currency %s", amount.Currency)
	check(len(s.offer.Contacts) == 1 && s.offer.Contacts[0].ContactId == s.contact.Id, "contacts %v", s.offer.Contacts)
	s.enquiry = s.createDeal(s.deal("A chair, perhaps"))
	check(s.enquiry.Amount.Get() == nil && len(s.enquiry.LineItems) == 0, "amount %v", s.enquiry.Amount.Get())
	return fmt.Sprintf("%d + %d = %d %s, next task at %s; another without amount",
		totals[0], totals[1], amount.Amount, amount.Currency, nextTaskAt.Format(time.RFC3339))
}

func (s *scenario) move(deal *kartoteka.Deal, stage kartoteka.Stage) (*kartoteka.Deal, *http.Response, error) {
	return s.client.DealsAPI.MoveDeal(s.ctx, deal.Id).DealMove(*kartoteka.NewDealMove(stage.Id)).Execute()
}

func (s *scenario) refusedMove() string {
	stage, amount := s.pipeline.Stages[1], []string{"amount"}
	problem := refused[kartoteka.Deal](409, "move_refused")(s.move(s.enquiry, stage))
	check(problem.GetReason() == "fields_missing", "reason %s", problem.GetReason())
	check(slices.Equal(problem.MissingFields, amount), "fields %v", problem.MissingFields)
	found := slices.IndexFunc(problem.LegalMoves, func(move kartoteka.LegalMove) bool { return move.StageId == stage.Id })
	check(found >= 0, "the stage is not among the legal moves")
	legal := problem.LegalMoves[found]
	check(slices.Equal(legal.MissingFields, amount), "fields %v of %s", legal.MissingFields, legal.Name)
	fields := strings.Join(problem.MissingFields, ", ")
	return fmt.Sprintf("%s %s; %d legal, %s without %s", problem.GetReason(), fields, len(problem.LegalMoves), legal.Name, fields)
}

func (s *scenario) moveDeal() string {
	stage, patch := s.pipeline.Stages[1], kartoteka.NewDealPatch()
	patch.SetAmount(*kartoteka.NewMoneyInput(990_000, s.enquiry.Currency))
	patched := answered[kartoteka.Deal](200)(s.client.DealsAPI.UpdateDeal(s.ctx, s.enquiry.Id).DealPatch(*patch).Execute())
	amount := patched.Amount.Get()
	check(amount != nil && amount.Amount == 990_000, "amount %v", amount)
	moved := answered[kartoteka.Deal](200)(s.move(s.enquiry, stage))
	check(moved.StageId == stage.Id, "stage %s", moved.StageId)
	return fmt.Sprintf("%d %s, to %s, %s", amount.Amount, amount.Currency, stage.Name, moved.Outcome)
}

func (s *scenario) winDeal() string {
	found := slices.IndexFunc(s.pipeline.Stages, func(stage kartoteka.Stage) bool { return stage.Kind == "won" })
	check(found >= 0, "no stage that is won")
	stage := s.pipeline.Stages[found]
	won := answered[kartoteka.Deal](200)(s.move(s.offer, stage))
	check(won.Outcome == "won", "outcome %s", won.Outcome)
	check(won.StageId == stage.Id && won.ClosedAt.Get() != nil, "stage %s, closed %v", won.StageId, won.ClosedAt.Get())
	counts := s.timeline()
	for _, kind := range []string{"deal", "stage_change"} {
		check(counts[kind] > 1, "%s %d", kind, counts[kind])
	}
	return fmt.Sprintf("%s; %s", won.Outcome, counted(counts))
}

func (s *scenario) readBoard() string {
	board := answered[kartoteka.Board](200)(s.client.PipelinesAPI.GetBoard(s.ctx, s.pipeline.Id).Execute())
	found := slices.IndexFunc(board.Stages, func(column kartoteka.BoardStage) bool { return column.Stage.Kind == "won" })
	check(found >= 0, "no column that is won")
	won := board.Stages[found]
	check(won.Count >= 1, "count %d", won.Count)
	onIt := slices.ContainsFunc(won.Deals, func(deal kartoteka.Deal) bool { return deal.Id == s.offer.Id })
	check(onIt, "the deal that was won is not on it")
	var sums []string
	for _, sum := range won.Sums {
		sums = append(sums, fmt.Sprint(sum.Amount, " ", sum.Currency))
	}
	return fmt.Sprintf("%d columns, %s: %d, %s", len(board.Stages), won.Stage.Name, won.Count, strings.Join(sums, ", "))
}

func (s *scenario) submitForm() string {
	utm, body := kartoteka.NewPostedUtm(), kartoteka.NewPostedForm()
	utm.SetSource("newsletter")
	body.SetFields(map[string]any{"name": "Anna", "phone": s.number, "email": s.address})
	body.SetUtm(*utm)
	body.SetPageUrl("https://shop.example/price")
	receipt := answered[kartoteka.Receipt](202)(s.client.PublicAPI.SubmitForm(s.ctx, s.formKey).PostedForm(*body).Execute())
	for range 100 {
		request := s.client.LeadsAPI.ListLeads(s.ctx).ContactId([]string{s.contact.Id})
		for _, lead := range answered[kartoteka.LeadPage](200)(request.Execute()).Data {
			if lead.GetSubmissionId() == receipt.SubmissionId {
				check(lead.Utm.GetSource() == "newsletter", "utm %s", lead.Utm.GetSource())
				return fmt.Sprintf("%s, lead %s; %s", receipt.Status, lead.Status, counted(s.timeline()))
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	panic(errors.New("no lead after 10 s"))
}

func (s *scenario) invalidBody() string {
	request := s.client.ContactsAPI.CreateContact(s.ctx).ContactInput(contactBody("Nobody", "12", "nowhere"))
	problem := refused[kartoteka.Contact](422, "validation_failed")(request.Execute())
	var errors []string
	for _, field := range problem.Errors {
		errors = append(errors, fmt.Sprint(cmp.Or(field.GetPointer(), "-"), " ", field.Code))
	}
	check(slices.Contains(errors, "/phones/0/value invalid_phone"), "errors %v", errors)
	return strings.Join(errors, ", ")
}

func (s *scenario) signOut() string {
	response, err := s.client.AuthAPI.RevokeToken(s.ctx).Execute()
	answered[struct{}](204)(nil, response, err)
	problem := refused[kartoteka.Me](401, "invalid_token")(s.client.MeAPI.GetMe(s.ctx).Execute())
	return fmt.Sprintf("then %d %s", problem.Status, problem.Code)
}

func step(name string, body func() string) {
	defer func() {
		if failure := recover(); failure != nil {
			fmt.Printf("FAIL %s: %v\n", name, failure)
			os.Exit(1)
		}
	}()
	fmt.Printf("ok   %s: %s\n", name, body())
}

func main() {
	var demo demo
	check(json.Unmarshal(must(os.ReadFile(os.Getenv("KARTOTEKA_DEMO"))), &demo) == nil, "the demo is not JSON")
	s := newScenario(os.Getenv("KARTOTEKA_URL"), demo)
	step("sign in", s.signIn)
	step("create contact", s.createContact)
	step("meet duplicate", s.meetDuplicate)
	step("attach duplicate", s.attachDuplicate)
	step("log call", s.logCall)
	step("complete task", s.completeTask)
	step("read timeline", s.readTimeline)
	step("page list", s.pageList)
	step("clear fields", s.clearFields)
	step("stale version", s.staleVersion)
	step("repeat key", s.repeatKey)
	step("list pipelines", s.listPipelines)
	step("create deals", s.createDeals)
	step("refused move", s.refusedMove)
	step("move deal", s.moveDeal)
	step("win deal", s.winDeal)
	step("read board", s.readBoard)
	step("submit form", s.submitForm)
	step("invalid body", s.invalidBody)
	step("sign out", s.signOut)
}
