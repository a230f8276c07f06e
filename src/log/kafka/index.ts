export { openKafkaLog, type KafkaLogOptions } from './engine.ts'
export { createTopics, inspectTopics, type TopicReport } from './admin.ts'
export { type Connection } from './driver.ts'
export { topicSpecs, type TopicPlan } from './topics.ts'
